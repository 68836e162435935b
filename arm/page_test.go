package arm

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestActivityPages: page by page, nothing twice and nothing left out, while more comes in.
func TestActivityPages(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	all, _ := w.events(t, "owner", "", "")
	seen := map[string]bool{}
	page, next := w.events(t, "owner", "", "&$top=3")
	for {
		for _, e := range page {
			if seen[e.EventDataID] {
				t.Fatalf("%s is there twice", e.EventDataID)
			}
			seen[e.EventDataID] = true
		}
		if next == "" {
			break
		}
		w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, "{}")
		u, err := url.Parse(next)
		if err != nil || u.Scheme+"://"+u.Host != "https://localhost:7443" {
			t.Fatalf("%s, %v", next, err)
		}
		var answer struct {
			Value    []event
			NextLink string
		}
		if err := json.Unmarshal([]byte(w.want(t, http.StatusOK, "owner", "GET", u.RequestURI(), "")), &answer); err != nil {
			t.Fatal(err)
		}
		page, next = answer.Value, answer.NextLink
	}
	if len(seen) != len(all) {
		t.Errorf("%d events on pages, %d in one", len(seen), len(all))
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		w.want(t, http.StatusCreated, "owner", "PUT", vms+name+api, `{"location":"eastus"}`)
	}
	next := strings.TrimSuffix(vms, "/") + api + "&$top=2"
	var got []string
	for pages := 0; next != ""; pages++ {
		text := w.want(t, http.StatusOK, "owner", "GET", next, "")
		got = append(got, names(t, text)...)
		var page struct{ NextLink string }
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		next = strings.TrimPrefix(page.NextLink, "https://localhost:7443")
		if pages == 0 { // the last one that was sent, and the next
			w.want(t, http.StatusAccepted, "owner", "DELETE", vms+"b"+api, "")
			w.want(t, http.StatusAccepted, "owner", "DELETE", vms+"c"+api, "")
			w.want(t, http.StatusCreated, "owner", "PUT", vms+"a0"+api, `{"location":"eastus"}`)
		}
	}
	if want := "a b d e f g vm vm2"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, bad := range []string{"$top=0", "$top=-1", "$top=x", "$skiptoken=", "$skiptoken=!", "$top=1&$top=2", "$skiptoken=" + strings.Repeat("A", 3000)} {
		resp, text := w.do(t, "owner", "GET", strings.TrimSuffix(vms, "/")+api+"&"+bad, "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidQueryString")
	}
	// Under Azure's own name, the list goes on there.
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+strings.ReplaceAll(strings.TrimSuffix(vms, "/"), "{sub}", w.sub)+api+"&$top=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"management.azure.com": "https://management.azure.com/", "evil.example": "https://localhost:7443/"} {
		r.Host = host
		r.Header.Set("Authorization", "Bearer owner")
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ NextLink string }
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || !strings.HasPrefix(page.NextLink, want) {
			t.Errorf("%s: %q, %v", host, page.NextLink, err)
		}
		resp.Body.Close()
	}
}
