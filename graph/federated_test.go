package graph

import (
	"net/http"
	"strings"
	"testing"
)

func TestFederatedCredentialsOfApplications(t *testing.T) {
	w := newWorld(t)
	app, err := w.dir.ApplicationByClientID(t.Context(), w.app.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	all := "/applications/" + app.ObjectID + "/federatedIdentityCredentials"
	// As az ad app federated-credential sends them.
	const body = `{"name":"github","issuer":"https://token.actions.githubusercontent.com","subject":"repo:o/r:environment:prod","description":"CI","audiences":["api://AzureADTokenExchange"]}`
	one := w.want(t, http.StatusCreated, "POST", all, body)
	if one.str("id") == "" || one.str("name") != "github" || one.str("description") != "CI" || one.str("subject") != "repo:o/r:environment:prod" {
		t.Errorf("got %s", one.text)
	}
	w.want(t, http.StatusBadRequest, "POST", all, strings.Replace(body, "github", "again", 1)) // issuer and subject
	w.want(t, http.StatusBadRequest, "POST", all, body)                                        // the name
	w.want(t, http.StatusBadRequest, "POST", all, `{"issuer":"https://h","subject":"s","audiences":["a"]}`)
	w.want(t, http.StatusBadRequest, "POST", all, `{"name":"other","issuer":"https://h","subject":"s"}`)
	if got := w.want(t, http.StatusOK, "GET", "/applications(appId='"+w.app.ClientID+"')/federatedIdentityCredentials", "").column("name"); got != "github" {
		t.Error(got)
	}
	for _, which := range []string{one.str("id"), "GitHub"} {
		w.want(t, http.StatusNoContent, "PATCH", all+"/"+which, `{"subject":"repo:o/r:environment:`+which+`"}`)
		if a := w.want(t, http.StatusOK, "GET", all+"/"+which, ""); a.str("subject") != "repo:o/r:environment:"+which || a.str("description") != "CI" {
			t.Errorf("got %s", a.text)
		}
	}
	w.want(t, http.StatusBadRequest, "PATCH", all+"/github", `{"name":"renamed"}`)
	w.want(t, http.StatusBadRequest, "PATCH", all+"/github", `{"subject":""}`)
	w.want(t, http.StatusNotFound, "GET", all+"/none", "")
	w.want(t, http.StatusNoContent, "DELETE", all+"/github", "")
	w.want(t, http.StatusNotFound, "DELETE", all+"/github", "")
}

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
