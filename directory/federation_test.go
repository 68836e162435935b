package directory

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

func credential(name, subject string) FederatedCredential {
	return FederatedCredential{FederatedCredential: midas.FederatedCredential{
		Name: name, Issuer: "https://issuer.example/", Subject: subject, Audiences: []string{"api://AzureADTokenExchange"},
	}}
}

func TestFederationEndsWithItsOwner(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	put := func(c FederatedCredential) error {
		_, _, err := d.PutIdentityFederation(ctx, nil, "rg", "app", c)
		return err
	}
	must(t)(put(credential("fic", "s")))
	id, all, err := d.FederatedCredentials(ctx, m.ClientID)
	must(t)(err)
	if diff := cmp.Diff(m.Identity, id); diff != "" || len(all) != 1 || all[0].Subject != "s" {
		t.Errorf("%s %v", diff, all)
	}
	existed, err := d.DeleteIdentity(ctx, nil, "rg", "app")
	must(t)(err)
	if !existed {
		t.Fatal("no identity")
	}
	_, _, err = d.FederatedCredentials(ctx, m.ClientID)
	wantCode(t, err, midas.NotFound)
	again, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	if _, all, err := d.FederatedCredentials(ctx, again.ClientID); err != nil || len(all) != 0 {
		t.Errorf("an identity made again has what the one before trusted: %v, %v", all, err)
	}

	p, _, err := d.CreateApplication(ctx, "daemon")
	must(t)(err)
	a, err := d.ApplicationByClientID(ctx, p.ClientID)
	must(t)(err)
	kept, err := d.CreateApplicationFederation(ctx, nil, a.ObjectID, credential("fic", "s"))
	if err != nil || kept.ID == "" {
		t.Fatal(kept, err)
	}
	if all, err := d.ApplicationFederation(ctx, a.ObjectID); err != nil || len(all) != 1 {
		t.Error(all, err)
	}
	if existed, err := d.DeleteApplicationFederation(ctx, nil, a.ObjectID, kept.ID); err != nil || !existed {
		t.Error(existed, err)
	}
	must(t)(second(d.CreateApplicationFederation(ctx, nil, a.ObjectID, credential("fic", "s"))))
	must(t)(ignore(p, a, func() error { _, err := d.DeleteApplication(ctx, nil, a.ObjectID); return err }()))
	var left int
	must(t)(d.reader.QueryRowContext(ctx, `SELECT count(*) FROM federated_credential`).Scan(&left))
	if left != 0 {
		t.Errorf("%d credentials of nobody", left)
	}
}

func TestSystemAssignedIdentityTrustsNobodyOutside(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	vm, _, err := d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: &IdentityPatch{Type: "SystemAssigned"}})
	must(t)(err)
	_, _, err = d.FederatedCredentials(ctx, vm.System.ClientID)
	wantCode(t, err, midas.NotFound)
}

func TestGrants(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	text := func(s string) *string { return &s }
	u, err := d.CreateUser(ctx, nil, UserChange{UPN: text("a@b.example"), DisplayName: text("a"), MailNickname: text("a"), Password: text("Correct horse 1")})
	must(t)(err)
	now := time.Now().Truncate(time.Millisecond).UTC()
	g := Grant{Family: "f", ClientID: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", UserID: u.ObjectID, Begun: now, Ends: now.Add(time.Hour)}
	digest := sha256.Sum256([]byte("one"))
	must(t)(d.KeepGrant(ctx, digest, g, u.Stamp, nil, noon))
	got, first, err := d.TakeGrant(ctx, digest, "", now)
	must(t)(err)
	if diff := cmp.Diff(g, got); diff != "" || !first.IsZero() {
		t.Errorf("%s %s", diff, first)
	}
	if _, first, err := d.TakeGrant(ctx, digest, "", now.Add(time.Minute)); err != nil || !first.Equal(now) {
		t.Errorf("used at %s, %v", first, err)
	}
	if _, first, err := d.TakeGrant(ctx, digest, "", now.Add(time.Hour)); err != nil || !first.Equal(now) {
		t.Errorf("the first use is the one that counts: %s, %v", first, err)
	}
	must(t)(d.RevokeGrants(ctx, "f"))
	_, _, err = d.TakeGrant(ctx, digest, "", now)
	wantCode(t, err, midas.NotFound)
	must(t)(d.KeepGrant(ctx, digest, g, u.Stamp, nil, noon))
	must(t)(d.RevokeUserGrants(ctx, u.ObjectID))
	_, _, err = d.TakeGrant(ctx, digest, "", now)
	wantCode(t, err, midas.NotFound)
	g.UserID = "11111111-1111-1111-1111-111111111111"
	wantCode(t, d.KeepGrant(ctx, digest, g, u.Stamp, nil, noon), midas.NotFound)
}

func TestTokenVersion(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	name := "api"
	register := func(body string, uris ...string) Application {
		a, err := d.RegisterApplication(ctx, nil, ApplicationChange{Name: &name, IdentifierURIs: &uris, Body: json.RawMessage(body)})
		must(t)(err)
		return a
	}
	two := register(`{"api":{"requestedAccessTokenVersion":2}}`, "api://Orders")
	silent := register(`{"api":{"requestedAccessTokenVersion":null}}`, "api://silent")
	for resource, want := range map[string]struct {
		version int
		client  string
	}{
		"api://orders": {2, two.ClientID}, two.ClientID: {2, two.ClientID}, "api://" + two.ClientID: {2, two.ClientID},
		"api://silent": {1, silent.ClientID}, "api://nobody": {0, ""}, two.ObjectID: {0, ""},
	} {
		if version, client, err := d.TokenVersion(ctx, resource); err != nil || version != want.version || client != want.client {
			t.Errorf("%s: %d %s %v", resource, version, client, err)
		}
	}
}

// TestIssuerHasNoFragment: what follows it would choose the path that is fetched.
func TestIssuerHasNoFragment(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	_, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	for _, issuer := range []string{"https://issuer.example/#", "https://issuer.example#", "https://issuer.example/a#b"} {
		c := credential("fic", "s")
		c.Issuer = issuer
		_, _, err := d.PutIdentityFederation(ctx, nil, "rg", "app", c)
		wantCode(t, err, midas.Invalid)
	}
}
