package graph

import (
	"fmt"
	"net/http"
	"testing"
)

// TestNothingIsSaidTwice: of two members with one name nobody can tell which counts.
func TestNothingIsSaidTwice(t *testing.T) {
	w := newWorld(t)
	id := w.want(t, http.StatusCreated, "POST", "/groups", `{"displayName":"g","mailEnabled":false,"mailNickname":"g","securityEnabled":true}`).str("id")
	for path, bodies := range map[string][]string{
		"/groups/" + id:              {`{"displayName":"one","displayName":"two"}`, `{"displayName":"one","DisplayName":"two"}`, `{"displayName":"one","diſplayName":"two"}`, "{\"displayName\":\"a\xffb\"}"},
		"/users/" + w.alice.ObjectID: {`{"accountEnabled":true,"AccountEnabled":false}`},
	} {
		for _, body := range bodies {
			if a := w.do(t, "owner", "PATCH", path, body); a.StatusCode != http.StatusBadRequest {
				t.Errorf("%s %q: %d %s", path, body, a.StatusCode, a.text)
			}
		}
	}
	if got := fmt.Sprintf("%v %v", w.want(t, http.StatusOK, "GET", "/groups/"+id, "").get("displayName"), w.want(t, http.StatusOK, "GET", "/users/"+w.alice.ObjectID+"?$select=accountEnabled", "").get("accountEnabled")); got != "g true" {
		t.Error(got)
	}
}
