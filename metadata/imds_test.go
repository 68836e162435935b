package metadata_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/token"
)

// Fact 1 of Azure's wire: all numbers are strings, and both expires_in and expires_on
// are there.
// Fact 7: 24 hours and 5 minutes, of which the first 5 minutes are past.
func TestTokenAnswer(t *testing.T) {
	w := newWorld(t)
	id := w.identity("myManagedIdentity")
	answer := w.token(w.imds("client_id", id.ClientID))
	got := map[string]string{}
	for name, value := range answer {
		if name != "access_token" {
			got[name] = value
		}
	}
	want := map[string]string{
		"client_id": id.ClientID, "resource": midas.Resource, "token_type": "Bearer",
		"expires_in": "86400", "ext_expires_in": "86400",
		"expires_on": strconv.FormatInt(w.now.Add(24*time.Hour).Unix(), 10),
		"not_before": strconv.FormatInt(w.now.Add(-5*time.Minute).Unix(), 10),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p := w.principal(answer); p.ObjectID != id.PrincipalID || p.ClientID != id.ClientID || !p.AppOnly {
		t.Errorf("the token is of %+v", p)
	}
}

func TestAnswersAreNotKeptByAnyone(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	h := w.send(w.imds()).Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("headers %v", h)
	}
}

// Fact 5: IMDS calls it msi_res_id, App Service mi_res_id; either is taken, in any case.
// Fact 8: the audience is the resource that was asked for, byte for byte.
func TestSelectors(t *testing.T) {
	w := newWorld(t)
	one, two := w.identity("identity-one"), w.identity("identity-two")
	for name, c := range map[string]struct {
		by, id string
		echo   map[string]string
	}{
		"client_id":                 {"client_id", two.ClientID, nil},
		"client_id in upper case":   {"client_id", strings.ToUpper(two.ClientID), nil},
		"client_id without hyphens": {"client_id", strings.ReplaceAll(two.ClientID, "-", ""), nil},
		"client_id in braces":       {"client_id", "{" + two.ClientID + "}", nil},
		"msi_res_id, with a slash":  {"msi_res_id", two.ResourceID + "/", map[string]string{"msi_res_id": two.ResourceID + "/"}},
		"object_id":                 {"object_id", two.PrincipalID, map[string]string{"object_id": two.PrincipalID}},
		"msi_res_id":                {"msi_res_id", two.ResourceID, map[string]string{"msi_res_id": two.ResourceID}},
		"mi_res_id":                 {"mi_res_id", two.ResourceID, map[string]string{"msi_res_id": two.ResourceID}},
		"msi_res_id in lower case": {
			"msi_res_id", strings.ToLower(two.ResourceID), map[string]string{"msi_res_id": strings.ToLower(two.ResourceID)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := w.token(w.imds(c.by, c.id))
			if p := w.principal(answer); p.ClientID != two.ClientID || answer["client_id"] != two.ClientID {
				t.Errorf("token of %s, not of %s nor %s", p.ClientID, two.ClientID, one.ClientID)
			}
			for _, name := range []string{"object_id", "msi_res_id"} {
				if answer[name] != c.echo[name] {
					t.Errorf("%s is %q, want %q", name, answer[name], c.echo[name])
				}
			}
		})
	}
}

// Fact 6: system-assigned, else the only user-assigned one, else an error.
func TestDefaultIdentity(t *testing.T) {
	w := newWorld(t)
	want := func(id midas.Identity) {
		t.Helper()
		if p := w.principal(w.token(w.imds())); p.ClientID != id.ClientID {
			t.Errorf("token of %s, want %s", p.ClientID, id.ClientID)
		}
	}
	refused := func(description string) {
		t.Helper()
		out := w.send(w.imds())
		if body := `{"error":"invalid_request","error_description":"` + description + `"}`; out.Code != 400 || out.Body.String() != body {
			t.Errorf("status %d, %s want %s", out.Code, out.Body, body)
		}
	}
	refused("Identity not found")
	only := w.identity("only-one")
	want(only)
	w.identity("another-one")
	refused("Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request")
	want(w.system())
}

// Fact 4: an identity that is not assigned is 400 and not 404, which clients retry;
// with Azure's body, whose length is known from recordings.
func TestUnassignedIdentity(t *testing.T) {
	w := newWorld(t)
	w.identity("mine")
	other, _, err := w.directory.PutIdentity(t.Context(), nil, group, "not-mine", "eastus", nil)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"error":"invalid_request","error_description":"Identity not found"}`
	for by, id := range map[string]string{
		"client_id":  other.ClientID,
		"object_id":  other.PrincipalID,
		"msi_res_id": other.ID,
		"mi_res_id":  "/subscriptions/x/none",
	} {
		out := w.send(w.imds(by, id))
		if out.Code != 400 || out.Body.String() != body || out.Body.Len() != 68 {
			t.Errorf("%s: status %d, %s", by, out.Code, out.Body)
		}
	}
}

// Fact 10: oid and sub are the principal id, appid the client id, appidacr "2".
// Fact 11: xms_mirid is the identity, xms_az_rid its host.
func TestClaims(t *testing.T) {
	w := newWorld(t)
	user := w.identity("user-assigned")
	system := w.system()
	for name, c := range map[string]struct {
		request request
		id      midas.Identity
		host    string
	}{
		"user-assigned":   {w.imds("client_id", user.ClientID), user, w.vm.ID},
		"system-assigned": {w.imds(), system, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, claims, err := token.DecodeUnverified(w.token(c.request)["access_token"])
			if err != nil {
				t.Fatal(err)
			}
			want := []string{c.id.PrincipalID, c.id.PrincipalID, c.id.ClientID, "2", "app", c.id.ResourceID, c.host}
			got := []string{claims.ObjectID, claims.Subject, claims.AppID, claims.AppIDACR, claims.IDType, claims.XMSMIRID, claims.XMSAZRID}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Fact 7: the same token for the day, its remaining life counted down.
func TestTokensAreCached(t *testing.T) {
	w := newWorld(t)
	id := w.identity("myManagedIdentity")
	first := w.token(w.imds())
	w.now = w.now.Add(11 * time.Hour)
	again := w.token(w.imds("client_id", id.ClientID))
	if again["access_token"] != first["access_token"] || again["expires_in"] != strconv.Itoa(13*3600) {
		t.Errorf("another token after 11 hours, or %s s left", again["expires_in"])
	}
	if other := w.token(w.imds("bypass_cache", "true")); other["access_token"] == first["access_token"] {
		t.Error("bypass_cache=true gave the cached token")
	}
	w.now = w.now.Add(2 * time.Hour)
	renewed := w.token(w.imds())
	w.now = w.now.Add(12 * time.Hour)
	if later := w.token(w.imds()); later["access_token"] == renewed["access_token"] {
		t.Error("the same token past the half of its life")
	}
}

// A clock that was a day ahead and is put right leaves no token that is refused for that day.
func TestTokenOfAClockThatWasAheadIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	right := w.now
	w.now = right.Add(24 * time.Hour)
	ahead := w.token(w.imds())
	w.now = right
	if again := w.token(w.imds()); again["access_token"] == ahead["access_token"] || again["not_before"] > strconv.FormatInt(right.Unix(), 10) {
		t.Errorf("a token that counts from %s on", again["not_before"])
	}
}

func TestEachResourceHasItsToken(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	request := w.imds()
	request.query = encode([]string{"api-version", "2018-02-01", "resource", midas.Resource + "/"})
	_, claims, err := token.DecodeUnverified(w.token(request)["access_token"])
	if err != nil || claims.Audience[0] != midas.Resource+"/" {
		t.Errorf("audience %v, %v", claims.Audience, err)
	}
	if p := w.principal(w.token(w.imds())); p.Audience != midas.Resource {
		t.Errorf("audience %q", p.Audience)
	}
}

func TestARecreatedIdentityGetsNoOldToken(t *testing.T) {
	w := newWorld(t)
	before := w.identity("myManagedIdentity")
	w.token(w.imds())
	if _, err := w.directory.DeleteIdentity(t.Context(), nil, group, "myManagedIdentity"); err != nil {
		t.Fatal(err)
	}
	if out := w.send(w.imds()); out.Code != 400 {
		t.Errorf("status %d for a machine whose identity is gone", out.Code)
	}
	after := w.identity("myManagedIdentity")
	if p := w.principal(w.token(w.imds())); p.ClientID != after.ClientID || p.ClientID == before.ClientID {
		t.Errorf("token of %s", p.ClientID)
	}
}

func TestARecreatedMachineNeedsItsNewSecret(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	old := w.imds()
	if _, err := w.directory.DeleteVM(t.Context(), nil, group, "myVM"); err != nil {
		t.Fatal(err)
	}
	if out := w.send(old); out.Code != http.StatusUnauthorized {
		t.Errorf("status %d for the secret of a deleted machine", out.Code)
	}
	if _, _, err := w.directory.PutVM(t.Context(), nil, group, "myVM", directory.Change{Location: "eastus"}); err != nil {
		t.Fatal(err)
	}
	if out := w.send(old); out.Code != http.StatusUnauthorized {
		t.Errorf("status %d for the secret of an earlier machine of that name", out.Code)
	}
}

// Paths come with slashes doubled by client libraries, and in any case.
func TestPaths(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	for path, status := range map[string]int{
		"/metadata/identity/oauth2/token":             200,
		"/metadata/identity/oauth2/token/":            200,
		"//metadata//identity/oauth2/token":           200,
		"/Metadata/identity/OAuth2/token":             200,
		"/metadata/identity/oauth2/token/more":        404,
		"/metadata/identity":                          404,
		"/metadata/identity/getplatformmetadata":      404,
		"/metadata/attested/document":                 404,
		"/metadata/instances":                         404,
		"/":                                           404,
		"/metadata/../metadata/identity/oauth2/token": 400,
		"/metadata/./identity/oauth2/token":           400,
		"/metadata/identity%2foauth2/token":           400,
		`/metadata/identity\oauth2\token`:             400,
	} {
		request := w.imds()
		request.path = path
		if out := w.send(request); out.Code != status {
			t.Errorf("%s: status %d, want %d", path, out.Code, status)
		}
	}
}

// A key that is revoked takes along the tokens that are remembered.
func TestARevokedKeyTakesItsTokensAlong(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	tenant, _ := w.directory.Tenant()
	minter, err := issuer.New(issuer.Config{
		Dir: t.TempDir(), TenantID: tenant, Applications: w.directory, Now: w.config.Now,
		BaseURL: func() string { return "https://127.0.0.1:7443" },
	})
	w.must(err)
	w.remake(func(c *metadata.Config) { c.Minter, c.Keys = minter, minter.Keys() })
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: minter.IssuerURLs(), TenantID: tenant, Keys: minter.Keys()}},
		Audiences: []string{midas.Resource}, Now: w.config.Now,
	})
	w.must(err)
	first := w.token(w.imds())["access_token"]
	if again := w.token(w.imds())["access_token"]; again != first {
		t.Error("another token while the key stands")
	}
	_, err = minter.RotateKeys(t.Context(), true, true)
	w.must(err)
	second := w.token(w.imds())["access_token"]
	if _, err := verifier.Verify(t.Context(), second); err != nil || second == first {
		t.Errorf("after the key was revoked: the same token %t, %v", second == first, err)
	}
}
