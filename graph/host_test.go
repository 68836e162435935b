package graph

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Clients follow nextLink with their token, so no answer holds a link to a Host that a
// request made up.
func TestAnswersNameOnlyOurHosts(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.want(t, http.StatusCreated, "POST", "/applications", `{"displayName":"one"}`)
	}
	id := w.want(t, http.StatusCreated, "POST", "/groups", group).str("id")
	w.want(t, http.StatusNoContent, "POST", "/groups/"+id+"/members/$ref", w.ref(w.alice.ObjectID))
	links := regexp.MustCompile(`"@odata\.(?:nextLink|context|id)":"(https://[^/]*)`)
	for host, want := range map[string]string{
		"evil.example": w.URL, "evil.example:443": w.URL, "graph.microsoft.com.evil.example": w.URL,
		"Graph.Microsoft.com": "https://graph.microsoft.com", strings.TrimPrefix(w.URL, "https://"): w.URL,
	} {
		for _, path := range []string{"/applications?$top=1", "/users/" + w.alice.ObjectID, "/groups/" + id + "/members/$ref", "/groups?$top=1", "/organization"} {
			r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/v1.0"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			a := w.send(t, "owner", r)
			found := links.FindAllStringSubmatch(a.text, -1)
			if a.StatusCode != http.StatusOK || len(found) == 0 {
				t.Fatalf("%s %s: %d, no link in %s", host, path, a.StatusCode, a.text)
			}
			for _, link := range found {
				if link[1] != want {
					t.Errorf("%s %s: link to %s, want %s", host, path, link[1], want)
				}
			}
		}
	}
}
