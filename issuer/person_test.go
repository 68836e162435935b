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
	a, err := r.directory.RegisterApplication(t.Context(), nil, directory.ApplicationChange{Name: text("api"), IdentifierURIs: &uris, Body: body})
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

// TestReservedAudiencesAreRefused: an application that is named like another service
// changes none of that service's tokens.
func TestReservedAudiencesAreRefused(t *testing.T) {
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
	if _, err := r.directory.UpdateUser(t.Context(), nil, alice, directory.UserChange{Guest: &guest}); err != nil {
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
		g, err := r.directory.CreateSecurityGroup(t.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: text("nick")})
		if err != nil {
			t.Fatal(err)
		}
		return g.ObjectID
	}
	outer, inner := group("outer"), group("inner")
	for _, pair := range [][2]string{{outer, inner}, {inner, r.userID}} {
		if err := r.directory.AddMember(t.Context(), nil, pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	_, doc := r.signIn(t)
	if diff := cmp.Diff(token.Groups(sorted([]string{outer, inner})), claims(t, doc).Groups); diff != "" {
		t.Errorf("groups, those around groups included: %s", diff)
	}
	for n := range 199 {
		if err := r.directory.AddMember(t.Context(), nil, group(fmt.Sprint("more", n)), r.userID); err != nil {
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
	if _, _, err := r.directory.PutGroup(t.Context(), nil, "g", "eastus", nil); err != nil {
		t.Fatal(err)
	}
	m, _, err := r.directory.PutIdentity(t.Context(), nil, "g", "app-id", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := r.directory.CreateSecurityGroup(t.Context(), nil, directory.SecurityGroupChange{Name: text("apps"), MailNickname: text("apps"), Members: []string{m.PrincipalID}})
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
