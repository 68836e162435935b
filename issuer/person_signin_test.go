package issuer_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
)

func TestPasswordRefusals(t *testing.T) {
	r := newRealm(t)
	disabled, yes := false, true
	for _, u := range []directory.UserChange{
		{UPN: text("off@contoso.example"), Enabled: &disabled},
		{UPN: text("new@contoso.example"), MustChange: &yes},
	} {
		u.DisplayName, u.MailNickname, u.Password = text("x"), text("x"), text(password)
		if _, err := r.directory.CreateUser(t.Context(), nil, u); err != nil {
			t.Fatal(err)
		}
	}
	var wrong string
	for _, c := range []struct{ name, user, password, code, number string }{
		{"wrong password", alice, "wrong", "invalid_grant", "AADSTS50126"},
		{"unknown user", "nobody@contoso.example", password, "invalid_grant", "AADSTS50126"},
		{"disabled", "off@contoso.example", password, "invalid_grant", "AADSTS50126"},
		{"too long", alice, strings.Repeat("x", 2000), "invalid_grant", "AADSTS50126"},
		{"to be changed, wrong", "new@contoso.example", "wrong", "invalid_grant", "AADSTS50126"},
		{"to be changed", "new@contoso.example", password, "invalid_grant", "AADSTS50055"},
	} {
		status, doc := r.signIn(t, "username", c.user, "password", c.password)
		refused(t, c.name, status, doc, 400, c.code, c.number)
		said, _, _ := strings.Cut(doc["error_description"].(string), " Trace ID")
		if c.number == "AADSTS50126" && wrong != "" && said != wrong {
			t.Errorf("%s: %q tells it from %q", c.name, said, wrong)
		}
		if c.number == "AADSTS50126" {
			wrong = said
		}
	}
	status, doc := r.signIn(t, "client_id", "11111111-1111-1111-1111-111111111111")
	refused(t, "a client that nobody knows", status, doc, 401, "invalid_client", "AADSTS7000218")
	status, doc = r.signIn(t, "scope", "api://a/read")
	refused(t, "scope", status, doc, 400, "invalid_scope", "AADSTS1002012")
	status, doc = r.signIn(t, "username", "")
	refused(t, "no user", status, doc, 400, "invalid_request", "AADSTS900144")
}

func TestGuessesAreThrottledBySource(t *testing.T) {
	r := newRealm(t)
	for n := range 5 {
		status, doc := r.signIn(t, "password", fmt.Sprint("guess", n))
		refused(t, "guess", status, doc, 400, "invalid_grant", "AADSTS50126")
	}
	status, doc := r.signIn(t)
	refused(t, "the right password right after five wrong ones", status, doc, 400, "invalid_grant", "AADSTS50053")
	other, err := http.NewRequest(http.MethodPost, "/"+r.tenant+"/oauth2/v2.0/token", strings.NewReader(
		"grant_type=password&client_id="+azureCLI+"&username="+alice+"&password="+strings.ReplaceAll(password, " ", "+")+"&scope=openid"))
	if err != nil {
		t.Fatal(err)
	}
	other.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	other.RemoteAddr = "192.0.2.7:1234"
	if status := record(r.Issuer, other).Code; status != http.StatusOK {
		t.Errorf("the owner, from elsewhere: %d: a stranger has locked the account", status)
	}
	r.pass(11 * time.Second)
	if status, doc := r.signIn(t); status != http.StatusOK {
		t.Errorf("after the wait: %d %v", status, doc)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	first := doc["refresh_token"].(string)
	again := func(raw string, pairs ...string) (int, map[string]any) {
		return r.post(t, r.v2(), append([]string{
			"grant_type", "refresh_token", "client_id", azureCLI, "refresh_token", raw, "scope", "https://management.azure.com/.default offline_access openid",
		}, pairs...)...)
	}
	status, doc := again(first)
	if status != http.StatusOK || claims(t, doc).Audience[0] != "https://management.azure.com" || doc["refresh_token"] == first {
		t.Fatal(status, doc)
	}
	second := doc["refresh_token"].(string)
	if status, doc := again(first); status != http.StatusOK {
		t.Errorf("two commands side by side: %d %v", status, doc)
	}
	r.pass(3 * time.Minute)
	status, doc = again(first)
	refused(t, "used long ago", status, doc, 400, "invalid_grant", "AADSTS70000")
	status, doc = again(second)
	refused(t, "of the same sign-in as one that was copied", status, doc, 400, "invalid_grant", "AADSTS70000")

	_, doc = r.signIn(t)
	status, doc = again(doc["refresh_token"].(string), "client_id", "1950a258-227b-4e31-a9cf-717495945fc2")
	refused(t, "of another client", status, doc, 400, "invalid_grant", "AADSTS70000")
	_, doc = r.signIn(t)
	r.pass(91 * 24 * time.Hour)
	status, doc = again(doc["refresh_token"].(string))
	refused(t, "after 90 days", status, doc, 400, "invalid_grant", "AADSTS700082")
	status, doc = again("1.nonsense")
	refused(t, "never was", status, doc, 400, "invalid_grant", "AADSTS70000")
	for what, change := range map[string]directory.UserChange{
		"changed password": {Password: text("Another good password 1")},
		"disabled":         {Enabled: new(bool)},
	} {
		_, doc = r.signIn(t)
		if _, err := r.directory.UpdateUser(t.Context(), nil, alice, change); err != nil {
			t.Fatal(err)
		}
		status, doc = again(doc["refresh_token"].(string))
		refused(t, what, status, doc, 400, "invalid_grant", "AADSTS70000")
		enabled := true
		if _, err := r.directory.UpdateUser(t.Context(), nil, alice, directory.UserChange{Password: text(password), Enabled: &enabled}); err != nil {
			t.Fatal(err)
		}
	}
	_, doc = r.signIn(t)
	if existed, err := r.directory.DeleteUser(t.Context(), nil, alice); err != nil || !existed {
		t.Fatal(existed, err)
	}
	status, doc = again(doc["refresh_token"].(string))
	refused(t, "the person is gone", status, doc, 400, "invalid_grant", "AADSTS70000")
}

func TestUserRealmTellsNothingAboutPeople(t *testing.T) {
	r := newRealm(t)
	answers := map[string]map[string]any{}
	for _, name := range []string{alice, "nobody@contoso.example"} {
		for _, path := range []string{"/common/userrealm/", "/common/UserRealm/"} {
			res, err := r.http.Get(r.base + path + name + "?api-version=1.0")
			if err != nil {
				t.Fatal(err)
			}
			status, _, doc := readJSON(t, res)
			if status != http.StatusOK || doc["account_type"] != "Managed" || doc["domain_name"] != "contoso.example" {
				t.Errorf("%s%s: %d %v", path, name, status, doc)
			}
			answers[name] = doc
		}
	}
	if diff := cmp.Diff(answers[alice], answers["nobody@contoso.example"]); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutPeopleNobodySignsIn(t *testing.T) {
	r := newRealm(t, func(c *issuer.Config) { c.People = nil })
	status, doc := r.signIn(t)
	refused(t, "no people", status, doc, 400, "unauthorized_client", "AADSTS700016")
}
