package graph

import (
	"net/http"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// TestEveryRouteIsDeniedByDefault: without a role nobody reads or changes anything but
// what they are, and without a token nothing.
func TestEveryRouteIsDeniedByDefault(t *testing.T) {
	w := newWorld(t)
	for _, r := range (&API{Config: Config{Directory: w.dir}}).table() {
		path := "/" + strings.NewReplacer("{id}", nobody, "{other}", nobody, "{credential}", nobody).Replace(strings.Join(r.pattern, "/"))
		if a := w.do(t, "", r.method, path, "{}"); a.StatusCode != http.StatusUnauthorized || a.str("error", "code") != "InvalidAuthenticationToken" {
			t.Errorf("%s %s without a token: %d %s", r.method, path, a.StatusCode, a.text)
		}
		if r.access == anyone {
			continue
		}
		for _, who := range []string{"app", "alice"} {
			if a := w.do(t, who, r.method, path, "{}"); a.StatusCode != http.StatusForbidden || a.str("error", "code") != "Authorization_RequestDenied" {
				t.Errorf("%s %s as %s: %d %s", r.method, path, who, a.StatusCode, a.text)
			}
		}
		if a := w.do(t, "reader", r.method, path, "{}"); (a.StatusCode == http.StatusForbidden) != (r.access == writes) {
			t.Errorf("%s %s as reader: %d %s", r.method, path, a.StatusCode, a.text)
		}
		if a := w.do(t, "owner", r.method, path, "{}"); a.StatusCode == http.StatusForbidden || a.StatusCode >= 500 {
			t.Errorf("%s %s as owner: %d %s", r.method, path, a.StatusCode, a.text)
		}
	}
}

func TestTokensThatOpenNothing(t *testing.T) {
	w := newWorld(t)
	owner := w.tokens["owner"]
	with := func(change func(*midas.Principal)) midas.Principal {
		p := owner
		change(&p)
		return p
	}
	w.tokens["expired"] = with(func(p *midas.Principal) { p.TokenID = "expired" })
	w.tokens["mysql"] = with(func(p *midas.Principal) { p.Audience = midas.Resource })
	w.tokens["manager"] = with(func(p *midas.Principal) { p.Audience = "https://management.azure.com" })
	w.tokens["no one"] = with(func(p *midas.Principal) { p.Audience = "" })
	w.tokens["gone"] = with(func(p *midas.Principal) { p.ObjectID = "cccccccc-0000-4000-8000-000000000002" })
	w.tokens["no object"] = with(func(p *midas.Principal) { p.ObjectID = "" })
	for _, token := range []string{"", "unknown", "expired", "mysql", "manager", "no one", "gone", "no object"} {
		a := w.do(t, token, http.MethodGet, "/organization", "")
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Header.Get("WWW-Authenticate"), "authorization_uri=") {
			t.Errorf("%q: %d %s", token, a.StatusCode, a.text)
		}
	}
	for _, audience := range Audiences(w.URL) {
		w.tokens["other"] = with(func(p *midas.Principal) { p.Audience = audience })
		if a := w.do(t, "other", http.MethodGet, "/users", ""); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", audience, a.StatusCode, a.text)
		}
	}
	if _, err := w.dir.UpdateServicePrincipal(t.Context(), nil, w.owner.ObjectID, directory.ServicePrincipalChange{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if a := w.do(t, "owner", http.MethodGet, "/users", ""); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("disabled: %d %s", a.StatusCode, a.text)
	}
}

// TestEveryoneReadsWhatTheyAre, and through a group gets what it may.
func TestEveryoneReadsWhatTheyAre(t *testing.T) {
	w := newWorld(t)
	g, err := w.dir.CreateSecurityGroup(t.Context(), nil, directory.SecurityGroupChange{Name: new("dba"), MailNickname: new("dba"), Members: []string{w.alice.ObjectID, w.app.ObjectID}})
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct{ who, method, path, body string }{
		{"alice", "GET", "/me", ""},
		{"alice", "GET", "/me/memberOf", ""},
		{"alice", "GET", "/users/" + w.alice.ObjectID, ""},
		{"alice", "GET", "/users/ALICE@contoso.example", ""},
		{"alice", "GET", "/users('alice@contoso.example')/transitiveMemberOf", ""},
		{"alice", "POST", "/me/getMemberObjects", `{"securityEnabledOnly":false}`},
		{"alice", "POST", "/me/checkMemberGroups", `{"groupIds":["` + g.ObjectID + `"]}`},
		{"alice", "GET", "/directoryObjects/" + w.alice.ObjectID, ""},
		{"alice", "GET", "/organization", ""},
		{"app", "GET", "/servicePrincipals/" + w.app.ObjectID, ""},
		{"app", "GET", "/servicePrincipals(appId='" + w.app.ClientID + "')", ""},
		{"app", "POST", "/servicePrincipals/" + w.app.ObjectID + "/getMemberGroups", ""},
	} {
		if a := w.do(t, try.who, try.method, try.path, try.body); a.StatusCode != http.StatusOK {
			t.Errorf("%+v: %d %s", try, a.StatusCode, a.text)
		}
	}
	for _, try := range []struct{ who, method, path string }{
		{"alice", "PATCH", "/me"},
		{"alice", "DELETE", "/me"},
		{"alice", "GET", "/users"},
		// Her token names the owner's application, which she is not.
		{"alice", "GET", "/servicePrincipals(appId='" + w.owner.ClientID + "')"},
		{"alice", "GET", "/groups/" + g.ObjectID},
		{"app", "GET", "/users/alice@contoso.example"},
		{"app", "POST", "/servicePrincipals/" + w.app.ObjectID + "/addPassword"},
	} {
		if a := w.do(t, try.who, try.method, try.path, "{}"); a.StatusCode != http.StatusForbidden {
			t.Errorf("%+v: %d %s", try, a.StatusCode, a.text)
		}
	}
	if a := w.do(t, "app", "GET", "/me", ""); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.text, "delegated authentication flow") {
		t.Errorf("/me of an application: %d %s", a.StatusCode, a.text)
	}
	if err := w.dir.AssignOwner(t.Context(), g.ObjectID); err != nil {
		t.Fatal(err)
	}
	if a := w.do(t, "alice", "GET", "/users", ""); a.StatusCode != http.StatusOK {
		t.Errorf("a member of a group that is Owner: %d %s", a.StatusCode, a.text)
	}
}
