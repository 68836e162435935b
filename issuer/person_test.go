package issuer_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

// signIn asks for tokens of alice with her password.
func (r *realm) signIn(t testing.TB, pairs ...string) (int, map[string]any) {
	t.Helper()
	return r.post(t, r.v2(), append([]string{
		"grant_type", "password", "client_id", azureCLI, "username", alice, "password", password,
		"scope", midas.Resource + "/.default openid profile offline_access",
	}, pairs...)...)
}

func text(s string) *string { return &s }

func TestPersonTokenOfVersion1(t *testing.T) {
	r := newRealm(t)
	status, doc := r.signIn(t)
	if status != http.StatusOK {
		t.Fatal(status, doc)
	}
	got := claims(t, doc)
	if life := time.Duration(got.Expiry-got.NotBefore)*time.Second - 5*time.Minute; life < time.Hour || life > 90*time.Minute {
		t.Errorf("lives for %s, not for 60 to 90 minutes", life)
	}
	if got.Subject == "" || got.Subject == r.userID {
		t.Errorf("sub %q should be the person's, and another for each program", got.Subject)
	}
	if got.IPAddress != "127.0.0.1" {
		t.Errorf("ipaddr %q", got.IPAddress)
	}
	want := token.Claims{
		Audience: token.Strings{midas.Resource}, Issuer: r.IssuerURLs()[0], IDP: r.IssuerURLs()[0],
		IssuedAt: got.IssuedAt, NotBefore: got.IssuedAt, Expiry: got.Expiry, AIO: got.AIO, RH: got.RH, UTI: got.UTI, Subject: got.Subject,
		ACR: "1", AMR: []string{"pwd"}, AppID: azureCLI, AppIDACR: "0", IDType: "user",
		Name: "Alice Liddell", GivenName: "Alice", FamilyName: "Liddell", Email: "alice@mail.example", IPAddress: got.IPAddress,
		ObjectID: r.userID, Scope: token.Strings{"user_impersonation"}, TenantID: r.tenant, UPN: alice, UniqueName: alice, Version: "1.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if doc["expires_in"] != float64(got.Expiry-token.At(r.clock()))-1 {
		t.Errorf("expires_in %v", doc["expires_in"])
	}
	info, err := base64.RawURLEncoding.DecodeString(doc["client_info"].(string))
	if err != nil || string(info) != fmt.Sprintf(`{"uid":"%s","utid":"%s"}`, r.userID, r.tenant) {
		t.Errorf("client_info %s, %v", info, err)
	}
	for _, scope := range []string{midas.Resource + "/.default", midas.Resource + "/user_impersonation", "openid", "offline_access"} {
		if !strings.Contains(" "+doc["scope"].(string)+" ", " "+scope+" ") {
			t.Errorf("scope %q does not name %s", doc["scope"], scope)
		}
	}
}

func TestPersonIsNoApplication(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: r.IssuerURLs(), TenantID: r.tenant, Keys: r.Keys()}},
		Audiences: []string{midas.Resource}, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Verify(t.Context(), doc["access_token"].(string))
	if err != nil || p.AppOnly || p.ObjectID != r.userID || p.Name != alice {
		t.Errorf("%+v, %v", p, err)
	}
}

// app registers an application that takes tokens of a version, and returns its client id.
func (r *realm) app(t testing.TB, version int, uris ...string) directory.Application {
	t.Helper()
	body := json.RawMessage(fmt.Sprintf(`{"api":{"requestedAccessTokenVersion":%d}}`, version))
	a, err := r.directory.RegisterApplication(t.Context(), directory.ApplicationChange{Name: text("api"), IdentifierURIs: &uris, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestResourceChoosesTheVersion(t *testing.T) {
	r := newRealm(t)
	second := r.app(t, 2, "api://orders").ClientID
	first := r.app(t, 1, "https://contoso.example/billing").ClientID
	for _, c := range []struct{ resource, audience, version string }{
		{"api://orders", second, "2.0"},
		{second, second, "2.0"},
		{"api://" + second, second, "2.0"},
		{strings.ToUpper(second), second, "2.0"},
		{"https://contoso.example/billing", "https://contoso.example/billing", "1.0"},
		{first, first, "1.0"},
		{midas.Resource, midas.Resource, "1.0"},
		{midas.ResourceAppID, midas.ResourceAppID, "1.0"},
		{"https://management.azure.com/", "https://management.azure.com/", "1.0"},
		{"api://nobody", "api://nobody", "1.0"},
	} {
		for _, path := range []string{"/" + r.tenant + "/oauth2/token", r.v2()} {
			status, doc := r.post(t, path, "grant_type", "password", "client_id", azureCLI, "username", alice, "password", password, "scope", c.resource+"/.default")
			if status != http.StatusOK {
				t.Fatal(c.resource, status, doc)
			}
			got := claims(t, doc)
			header, _, _ := token.DecodeUnverified(doc["access_token"].(string))
			if got.Version != c.version || got.Audience[0] != c.audience {
				t.Errorf("%s at %s: version %s for %s", c.resource, path, got.Version, got.Audience)
			}
			if c.version != "2.0" {
				continue
			}
			if got.Issuer != r.IssuerURLs()[1] || got.AZP != azureCLI || got.AZPACR != "0" || got.AppID != "" || got.PreferredUsername != alice ||
				got.UPN != "" || got.UniqueName != "" || got.Name != "Alice Liddell" || got.ObjectID != r.userID || header.X5T != "" || len(got.AMR) != 0 {
				t.Errorf("version 2 token %+v, header %+v", got, header)
			}
		}
	}
}

// TestReservedAudiencesAreNobodys: an application that is named like another service
// changes none of that service's tokens.
func TestReservedAudiencesAreNobodys(t *testing.T) {
	r := newRealm(t, func(c *issuer.Config) {
		c.ReservedAudiences = func() []string { return []string{"https://management.azure.com", "https://management.azure.com/"} }
	})
	r.app(t, 2, "https://management.azure.com", "https://management.azure.com/", midas.Resource)
	for _, resource := range []string{"https://management.azure.com", "https://management.azure.com/", "https://Management.azure.com/", midas.Resource, strings.ToUpper(midas.Resource)} {
		_, doc := r.post(t, r.v2(), "grant_type", "password", "client_id", azureCLI, "username", alice, "password", password, "scope", resource+"/.default")
		if got := claims(t, doc); got.Version != "1.0" || got.Audience[0] != resource {
			t.Errorf("%s: version %s for %s", resource, got.Version, got.Audience)
		}
	}
}

func TestGuestHasNoUPNOfThisTenant(t *testing.T) {
	r := newRealm(t)
	guest := true
	if _, err := r.directory.UpdateUser(t.Context(), alice, directory.UserChange{Guest: &guest}); err != nil {
		t.Fatal(err)
	}
	_, doc := r.signIn(t)
	if got := claims(t, doc); got.UPN != "" || got.UniqueName != alice {
		t.Errorf("%+v", got)
	}
}

func TestGroupsAndTheirOverage(t *testing.T) {
	r := newRealm(t)
	group := func(name string) string {
		g, err := r.directory.CreateSecurityGroup(t.Context(), directory.SecurityGroupChange{Name: &name, MailNickname: text("nick")})
		if err != nil {
			t.Fatal(err)
		}
		return g.ObjectID
	}
	outer, inner := group("outer"), group("inner")
	for _, pair := range [][2]string{{outer, inner}, {inner, r.userID}} {
		if err := r.directory.AddMember(t.Context(), pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	_, doc := r.signIn(t)
	if diff := cmp.Diff(token.Groups(sorted([]string{outer, inner})), claims(t, doc).Groups); diff != "" {
		t.Errorf("groups, those around groups included: %s", diff)
	}
	for n := range 199 {
		if err := r.directory.AddMember(t.Context(), group(fmt.Sprint("more", n)), r.userID); err != nil {
			t.Fatal(err)
		}
	}
	_, doc = r.signIn(t)
	got := claims(t, doc)
	endpoint := r.base + "/v1.0/users/" + r.userID + "/getMemberObjects"
	if len(got.Groups) != 0 || got.ClaimNames["groups"] != "src1" || !cmp.Equal(got.ClaimSources["src1"], any(map[string]any{"endpoint": endpoint})) {
		t.Errorf("over 200 groups: %d named, %s at %s", len(got.Groups), got.ClaimNames, got.ClaimSources)
	}
}

func TestManagedIdentityNamesItsGroups(t *testing.T) {
	r := newRealm(t)
	if _, _, err := r.directory.PutGroup(t.Context(), "g", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	m, _, err := r.directory.PutIdentity(t.Context(), "g", "app-id", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := r.directory.CreateSecurityGroup(t.Context(), directory.SecurityGroupChange{Name: text("apps"), MailNickname: text("apps"), Members: []string{m.PrincipalID}})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := r.Mint(t.Context(), midas.TokenRequest{Identity: m.Identity, Resource: midas.Resource})
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := token.DecodeUnverified(minted.Raw)
	if err != nil || len(got.Groups) != 1 || got.Groups[0] != g.ObjectID || !strings.Contains(payload(t, minted.Raw), `"groups":["`) {
		t.Errorf("%+v, %v: groups are an array even when there is one", got.Groups, err)
	}
}

// payload is the claims of a token as they are written.
func payload(t testing.TB, raw string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestIDToken(t *testing.T) {
	r := newRealm(t)
	_, doc := r.signIn(t)
	var got map[string]any
	if err := json.Unmarshal([]byte(payload(t, doc["id_token"].(string))), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"aud": azureCLI, "iss": r.IssuerURLs()[1], "oid": r.userID, "tid": r.tenant, "preferred_username": alice, "name": "Alice Liddell", "ver": "2.0",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, not %v", name, got[name], want)
		}
	}
	if got["sub"] == claims(t, doc).Subject {
		t.Error("sub is the same for two programs")
	}
	if _, doc := r.signIn(t, "scope", midas.Resource+"/.default"); doc["id_token"] != nil || doc["refresh_token"] != nil {
		t.Error("tokens that were not asked for")
	}
}

func TestPasswordRefusals(t *testing.T) {
	r := newRealm(t)
	disabled, yes := false, true
	for _, u := range []directory.UserChange{
		{UPN: text("off@contoso.example"), Enabled: &disabled},
		{UPN: text("new@contoso.example"), MustChange: &yes},
	} {
		u.DisplayName, u.MailNickname, u.Password = text("x"), text("x"), text(password)
		if _, err := r.directory.CreateUser(t.Context(), u); err != nil {
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

func TestGuessingIsThrottledByWhoGuesses(t *testing.T) {
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
		if _, err := r.directory.UpdateUser(t.Context(), alice, change); err != nil {
			t.Fatal(err)
		}
		status, doc = again(doc["refresh_token"].(string))
		refused(t, what, status, doc, 400, "invalid_grant", "AADSTS70000")
		enabled := true
		if _, err := r.directory.UpdateUser(t.Context(), alice, directory.UserChange{Password: text(password), Enabled: &enabled}); err != nil {
			t.Fatal(err)
		}
	}
	_, doc = r.signIn(t)
	if existed, err := r.directory.DeleteUser(t.Context(), alice); err != nil || !existed {
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
