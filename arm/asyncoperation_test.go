package arm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// waits tells whether az asks again after a second, and the SDK for Go at once.
func waits(resp *http.Response) bool {
	return resp.Header.Get("Retry-After") == "1" && resp.Header.Get("Retry-After-Ms") == "1"
}

func TestAsyncOperations(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "other"), "Reader", strings.Replace(rg, "/rg", "/other", 1))
	follow := func(link string) string {
		t.Helper()
		u, err := url.Parse(link)
		if err != nil || u.Host != "localhost:7443" {
			t.Fatalf("%q, %v", link, err)
		}
		return u.RequestURI()
	}
	// What changes nothing has ended with its answer, and there is no event to ask about.
	resp, text := w.do(t, "owner", "PATCH", servers+"mydb"+api, `{}`)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Azure-AsyncOperation") != "" || !strings.Contains(text, `"state":"Ready"`) {
		t.Errorf("%d %s %v", resp.StatusCode, text, resp.Header)
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
		location           bool
	}{
		{"PUT", vms + "async", `{"location":"eastus"}`, 201, false},
		{"PATCH", vms + "async", `{"tags":{"a":"b"}}`, 200, false},
		{"PATCH", servers + "mydb", `{"tags":{"a":"b"}}`, 200, false},
		{"DELETE", servers + "mydb/administrators/ActiveDirectory", "", 202, true},
		{"PUT", servers + "mydb/administrators/ActiveDirectory", `{"properties":{"login":"a","sid":"` + ownerID + `"}}`, 201, false},
		{"DELETE", servers + "mydb", "", 202, true},
		{"DELETE", vms + "async", "", 202, true},
	} {
		resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body)
		monitor, location := resp.Header.Get("Azure-AsyncOperation"), resp.Header.Get("Location")
		if resp.StatusCode != tc.status || monitor == "" || (location != "") != tc.location || !waits(resp) {
			t.Fatalf("%s %s: %d %s %v", tc.method, tc.path, resp.StatusCode, text, resp.Header)
		}
		if text := w.want(t, http.StatusOK, "owner", "GET", follow(monitor), ""); !strings.Contains(text, `"status":"Succeeded"`) {
			t.Error(text)
		}
		if tc.location {
			w.want(t, http.StatusOK, "owner", "GET", follow(location), "")
		}
		w.want(t, http.StatusNotFound, "other", "GET", follow(monitor), "")
		w.want(t, http.StatusForbidden, "stranger", "GET", follow(monitor), "")
	}
	resp, _ = w.do(t, "owner", "DELETE", vms+"async"+api, "")
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Location") != "" {
		t.Errorf("deletion of nothing: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = w.do(t, "owner", "DELETE", rg+api, "")
	if resp.StatusCode != http.StatusAccepted || resp.Header.Get("Azure-AsyncOperation") != "" || !waits(resp) {
		t.Errorf("group: %d %v", resp.StatusCode, resp.Header)
	}
	w.want(t, http.StatusOK, "owner", "GET", follow(resp.Header.Get("Location")), "")
	for _, id := range []string{strangerID, "1", "'", "%25"} {
		w.want(t, http.StatusNotFound, "owner", "GET", sub+"/providers/Microsoft.Compute/locations/eastus/operations/"+id+api, "")
	}
}

// TestOperationsNameTheirPlace: the address of an operation has the resource's location, and
// an identity that is missing is named whole.
func TestOperationsNameTheirPlace(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, tc := range []struct{ method, path, body string }{
		{"PUT", servers + "mydb/administrators/ActiveDirectory", `{"properties":{"login":"a","sid":"` + ownerID + `"}}`},
		{"DELETE", servers + "mydb/administrators/ActiveDirectory", ""},
		{"DELETE", servers + "mydb", ""},
		{"DELETE", vms + "vm", ""},
	} {
		resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body)
		at, err := url.Parse(resp.Header.Get("Azure-AsyncOperation"))
		if err != nil || !strings.Contains(at.Path, "/locations/eastus/operations/") {
			t.Errorf("%s %s: %d %s, at %s", tc.method, tc.path, resp.StatusCode, text, at)
		}
	}
	id := strings.ReplaceAll(ids, "{sub}", w.sub) + "missing-" + strings.Repeat("x", 100)
	resp, text := w.do(t, "owner", "PATCH", vms+"vm2"+api, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+id+`":{}}}}`)
	wantFault(t, resp, text, http.StatusBadRequest, "FailedIdentityOperation")
	if !strings.Contains(text, strings.TrimPrefix(id, "/subscriptions/"+w.sub+"/resourceGroups")+"' was not found") {
		t.Error(text)
	}
}
