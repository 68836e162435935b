package arm

import (
	"net/http"
	"strings"
	"testing"
)

// conditional sends a request of the owner's with a header that says on what condition.
func (w *world) conditional(t *testing.T, method, path, body, header, value string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+strings.ReplaceAll(path, "{sub}", w.sub)+"?api-version=2024-11-01", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer owner")
	r.Header.Set(header, value)
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestPreconditions(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, path := range []string{ids + "app", vms + "vm", servers + "mydb"} {
		resp, body := w.do(t, "owner", "GET", path+"?api-version=2024-11-01", "")
		etag := resp.Header.Get("ETag")
		if etag == "" || strings.Contains(path, "virtualMachines") != strings.Contains(body, strings.ReplaceAll(`"etag":`+"ETAG", "ETAG", `"\`+strings.TrimSuffix(etag, `"`)+`\""`)) {
			t.Fatalf("%s: %q %s", path, etag, body)
		}
		before := w.dump(t)
		for _, refused := range [][3]string{
			{"PUT", "If-None-Match", "*"}, {"PUT", "If-Match", `"0123456789abcdef"`}, {"PATCH", "If-Match", "x"}, {"DELETE", "If-Match", `"x"`},
		} {
			if resp := w.conditional(t, refused[0], path, `{"location":"eastus"}`, refused[1], refused[2]); resp.StatusCode != http.StatusPreconditionFailed {
				t.Errorf("%s %s: %d", refused, path, resp.StatusCode)
			}
		}
		if resp := w.conditional(t, "PUT", path+"-new", `{"location":"eastus"}`, "If-Match", "*"); resp.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("If-Match of nothing: %d", resp.StatusCode)
		}
		if resp := w.conditional(t, "PUT", path, `{"location":"eastus"}`, "If-None-Match", etag); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("If-None-Match with a tag: %d", resp.StatusCode)
		}
		if diff := before.changed(w.dump(t)); diff != "" {
			t.Errorf("a refused request changed something: %s", diff)
		}
		resp = w.conditional(t, "PATCH", path, `{"tags":{"a":"b"}}`, "If-Match", etag)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") == etag || resp.Header.Get("ETag") == "" {
			t.Errorf("%s: %d, ETag %s after %s", path, resp.StatusCode, resp.Header.Get("ETag"), etag)
		}
		if again := w.conditional(t, "PATCH", path, `{}`, "If-Match", etag); again.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("the tag of before: %d", again.StatusCode)
		}
		if resp := w.conditional(t, "PUT", path+"-new", `{"location":"eastus"}`, "If-None-Match", "*"); resp.StatusCode != http.StatusCreated {
			t.Errorf("If-None-Match of nothing: %d", resp.StatusCode)
		}
		if resp := w.conditional(t, "DELETE", path, "", "If-Match", resp.Header.Get("ETag")); resp.StatusCode >= 300 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	// A machine whose identity is deleted is another one to look at.
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm2"+api, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+strings.ReplaceAll(ids, "{sub}", w.sub)+`web":{}}}}`)
	resp, _ := w.do(t, "owner", "GET", vms+"vm2"+api, "")
	w.want(t, http.StatusOK, "owner", "DELETE", ids+"web"+api, "")
	if again, _ := w.do(t, "owner", "GET", vms+"vm2"+api, ""); again.Header.Get("ETag") == resp.Header.Get("ETag") {
		t.Error("the ETag is that of before")
	}
}
