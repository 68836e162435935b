package graph

import (
	"net/http"
	"strings"
	"testing"
)

// TestFederatedCredentialNamedAsAnotherIs: what an id and a name fit is the one with the id,
// whatever is asked of it.
func TestFederatedCredentialNamedAsAnotherIs(t *testing.T) {
	w := newWorld(t)
	app := w.want(t, http.StatusCreated, "POST", "/applications", `{"displayName":"app"}`).str("id")
	all := "/applications/" + app + "/federatedIdentityCredentials"
	create := func(name, subject string) string {
		return w.want(t, http.StatusCreated, "POST", all, `{"name":"`+name+`","issuer":"https://issuer.example","subject":"`+subject+`","audiences":["api://AzureADTokenExchange"]}`).str("id")
	}
	for range 4 { // ids are random, so that either comes first
		victim := create("zzz", "one")
		create(victim, "two")
		if got := w.want(t, http.StatusOK, "GET", all+"/"+victim, "").str("name"); got != "zzz" {
			t.Errorf("GET of %s shows %s", victim, got)
		}
		w.want(t, http.StatusNoContent, "DELETE", all+"/"+victim, "")
		if got := w.want(t, http.StatusOK, "GET", all, "").column("name"); got != victim {
			t.Fatalf("of zzz and %s deleting the first leaves %q", victim, got)
		}
		w.want(t, http.StatusNoContent, "DELETE", all+"/"+strings.ToUpper(victim), "")
	}
}
