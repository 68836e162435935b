package directory

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

// clocked is a directory whose clock the test turns.
func clocked(t *testing.T) (d *Directory, now *time.Time) {
	t.Helper()
	now = new(noon)
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Now: func() time.Time { return *now }})
	must(t)(err)
	t.Cleanup(func() { _ = d.Close() })
	must(t)(ignore(d.PutGroup(t.Context(), nil, "rg", "eastus", nil)))
	return d, now
}

// checker returns what checks whether a text is a secret of p.
func checker(t *testing.T, d *Directory, p ServicePrincipal) func(text string, want bool) {
	return func(text string, want bool) {
		t.Helper()
		id, err := d.CheckSecret(t.Context(), p.ClientID, text)
		if (err == nil) != want || want && id.PrincipalID != p.ObjectID {
			t.Errorf("%+v, %v; wanted %v", id, err, want)
		}
	}
}

func TestSecretsSideBySide(t *testing.T) {
	d, now := clocked(t)
	ctx := t.Context()
	p, operator, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	a, err := d.ApplicationByClientID(ctx, p.ClientID)
	must(t)(err)
	first, firstText, err := d.AddSecret(ctx, nil, a.ObjectID, "first", time.Time{}, time.Time{})
	must(t)(err)
	onPrincipal, principalText, err := d.AddSecret(ctx, nil, p.ObjectID, "sp", noon.Add(time.Hour), noon.Add(2*time.Hour))
	must(t)(err)
	if first.Hint != firstText[:3] || !first.Ends.Equal(noon.AddDate(2, 0, 0)) || first.KeyID == onPrincipal.KeyID {
		t.Errorf("got %+v", first)
	}
	check := checker(t, d, p)
	check(operator, true)
	check(firstText, true)
	check(principalText, false) // has not begun
	*now = noon.Add(90 * time.Minute)
	check(principalText, true)
	*now = noon.Add(2 * time.Hour)
	check(principalText, false)
	_, err = d.CheckSecret(ctx, p.ClientID, principalText)
	var refusal *midas.Error
	if !errors.As(err, &refusal) || !refusal.Public || refusal.Code != midas.Unauthenticated {
		t.Errorf("who knows the secret may know that it expired: %v", err)
	}
	*now = noon.AddDate(2, 0, 0)
	check(firstText, false)
	check(operator, true)

	if list, err := d.Secrets(ctx, a.ObjectID); err != nil || len(list) != 2 || list[1] != first || !list[0].Ends.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
	*now = noon
	must(t)(d.RemoveSecret(ctx, nil, a.ObjectID, first.KeyID))
	check(firstText, false)
	wantCode(t, d.RemoveSecret(ctx, nil, a.ObjectID, first.KeyID), midas.Invalid)
	wantCode(t, d.RemoveSecret(ctx, nil, p.ObjectID, first.KeyID), midas.Invalid)
	_, _, err = d.AddSecret(ctx, nil, sid, "", time.Time{}, time.Time{})
	wantCode(t, err, midas.NotFound)
	_, _, err = d.AddSecret(ctx, nil, a.ObjectID, "", noon, noon)
	wantCode(t, err, midas.Invalid)
}

// TestSecretsEnd has them end with a reset, with their principal and with its application.
func TestSecretsEnd(t *testing.T) {
	d, _ := clocked(t)
	ctx := t.Context()
	p, operator, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	a, err := d.ApplicationByClientID(ctx, p.ClientID)
	must(t)(err)
	must(t)(ignore(d.AddSecret(ctx, nil, a.ObjectID, "app", time.Time{}, time.Time{})))
	must(t)(ignore(d.AddSecret(ctx, nil, p.ObjectID, "sp", time.Time{}, time.Time{})))
	check := checker(t, d, p)
	check(operator, true)
	must(t)(second(d.UpdateServicePrincipal(ctx, nil, p.ObjectID, ServicePrincipalChange{Enabled: new(false)})))
	check(operator, false)
	must(t)(second(d.UpdateServicePrincipal(ctx, nil, p.ObjectID, ServicePrincipalChange{Enabled: new(true)})))
	renewed, err := d.ResetSecret(ctx, p.ClientID)
	must(t)(err)
	check(operator, false)
	check(renewed, true)
	must(t)(second(d.DeleteServicePrincipal(ctx, nil, p.ObjectID)))
	check(renewed, false)
	again, err := d.CreateServicePrincipal(ctx, nil, p.ClientID, ServicePrincipalChange{})
	must(t)(err)
	if id, err := d.CheckSecret(ctx, p.ClientID, renewed); err != nil || id.PrincipalID != again.ObjectID || again.ObjectID == p.ObjectID {
		t.Errorf("the application's secret is good for its new service principal: %+v, %v", id, err)
	}
	must(t)(second(d.DeleteApplication(ctx, nil, a.ObjectID)))
	check(renewed, false)
	var left int
	must(t)(d.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM secret) + (SELECT count(*) FROM principal)`).Scan(&left))
	if left != 0 {
		t.Errorf("%d rows are left of a deleted application", left)
	}
}

func TestManagedIdentityHasNoCredentials(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	_, _, err = d.AddSecret(ctx, nil, m.PrincipalID, "", time.Time{}, time.Time{})
	wantCode(t, err, midas.Invalid)
	wantCode(t, d.SetCertificates(ctx, m.PrincipalID, nil), midas.Invalid)
	_, err = d.DeleteServicePrincipal(ctx, nil, m.PrincipalID)
	wantCode(t, err, midas.Invalid)
	_, _, err = d.Certificates(ctx, m.ClientID)
	wantCode(t, err, midas.NotFound)
	p, err := d.GetServicePrincipal(ctx, m.PrincipalID)
	must(t)(err)
	if p.ResourceID != m.Resource.ID || !p.UserAssigned || p.Name != "app" {
		t.Errorf("got %+v", p)
	}
}

func certificate(t *testing.T, key crypto.Signer, from, to time.Time) []byte {
	t.Helper()
	return certified(t, key.Public(), key, from, to)
}

func certified(t *testing.T, public crypto.PublicKey, signer crypto.Signer, from, to time.Time) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, signer)
	must(t)(err)
	return der
}

func TestCertificates(t *testing.T) {
	d, now := clocked(t)
	ctx := t.Context()
	p, _, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	a, err := d.ApplicationByClientID(ctx, p.ClientID)
	must(t)(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t)(err)
	old := certificate(t, key, noon.Add(-time.Hour), noon.Add(time.Hour))
	next := certificate(t, key, noon, noon.Add(48*time.Hour))
	must(t)(d.SetCertificates(ctx, a.ObjectID, []Certificate{{DER: old, Name: "old"}, {DER: next, Ends: noon.Add(24 * time.Hour)}}))
	must(t)(d.SetCertificates(ctx, p.ObjectID, []Certificate{{DER: next}}))

	valid := func(want ...[]byte) {
		t.Helper()
		id, got, err := d.Certificates(ctx, p.ClientID)
		must(t)(err)
		if id.PrincipalID != p.ObjectID || len(got) != len(want) {
			t.Fatalf("%+v: %d certificates, want %d", id, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("certificate %d is another", i)
			}
		}
	}
	valid(old, next, next)
	*now = noon.Add(time.Hour)
	valid(next, next)
	*now = noon.Add(30 * time.Hour)
	valid(next) // the application's was to end before the certificate does
	*now = noon

	list, err := d.CertificatesOf(ctx, a.ObjectID)
	must(t)(err)
	if len(list) != 2 || len(list[0].Thumbprint) != 40 || !list[1].Ends.Equal(noon.Add(24*time.Hour)) {
		t.Fatalf("got %+v", list)
	}
	must(t)(d.SetCertificates(ctx, a.ObjectID, []Certificate{{KeyID: list[1].KeyID}}))
	if left, err := d.CertificatesOf(ctx, a.ObjectID); err != nil || len(left) != 1 || !bytes.Equal(left[0].DER, next) {
		t.Errorf("one without its key is kept as it was: %+v, %v", left, err)
	}
}

func TestBadCertificatesAreRefused(t *testing.T) {
	d, _ := clocked(t)
	ctx := t.Context()
	p, _, err := d.CreateApplication(ctx, "app")
	must(t)(err)
	a, err := d.ApplicationByClientID(ctx, p.ClientID)
	must(t)(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t)(err)
	next := certificate(t, key, noon, noon.Add(48*time.Hour))
	must(t)(d.SetCertificates(ctx, a.ObjectID, []Certificate{{DER: next}, {DER: next}}))
	before, err := d.CertificatesOf(ctx, a.ObjectID)
	must(t)(err)
	gone := before[0].KeyID
	must(t)(d.SetCertificates(ctx, a.ObjectID, []Certificate{{KeyID: before[1].KeyID}}))
	before, err = d.CertificatesOf(ctx, a.ObjectID)
	must(t)(err)

	sound, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t)(err)
	cube := &rsa.PublicKey{N: sound.N, E: 3}
	divisible := &rsa.PublicKey{N: new(big.Int).Mul(sound.N, big.NewInt(11)), E: 65537}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t)(err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t)(err)
	for name, bad := range map[string][]Certificate{
		"no DER":             {{KeyID: gone}},
		"not a certificate":  {{DER: []byte("x")}},
		"two certificates":   {{DER: append(bytes.Clone(next), next...)}},
		"a small key":        {{DER: certificate(t, small, noon, noon.Add(time.Hour))}},
		"a small exponent":   {{DER: certified(t, cube, sound, noon, noon.Add(time.Hour))}},
		"a small factor":     {{DER: certified(t, divisible, sound, noon, noon.Add(time.Hour))}},
		"a key for nobody":   {{DER: certificate(t, edwards, noon, noon.Add(time.Hour))}},
		"too long":           {{DER: make([]byte, maxCertificate+1)}},
		"key id is no GUID":  {{DER: next, KeyID: "x"}},
		"key id twice":       {{DER: next, KeyID: sid}, {DER: next, KeyID: sid}},
		"ends before it can": {{DER: next, Ends: noon.Add(-time.Hour)}},
		"too many":           make([]Certificate, maxCredentials+1),
	} {
		if err := d.SetCertificates(ctx, a.ObjectID, bad); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if left, err := d.CertificatesOf(ctx, a.ObjectID); err != nil || cmp.Diff(before, left) != "" {
		t.Errorf("a refusal changes something: %+v, %v", left, err)
	}
}

// TestApplicationsOfAnOldDirectory: what schema 2 kept of an application, which was its
// service principal alone, signs in as before.
func TestApplicationsOfAnOldDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	db, err := sql.Open("sqlite", dsn(path, ""))
	must(t)(err)
	ctx := t.Context()
	for _, name := range []string{"0001_begin.sql", "0002_server_identity.sql"} {
		text, err := migrations.ReadFile("migrations/" + name)
		must(t)(err)
		must(t)(second(db.ExecContext(ctx, string(text))))
	}
	secret, digest := newSecret()
	must(t)(second(db.ExecContext(ctx, `INSERT INTO principal (object_id, client_id, key, name, digest, created) VALUES ('o', 'c', 'operator', 'Operator', ?, ?)`, digest, noon.UnixMilli())))
	must(t)(second(db.ExecContext(ctx, `PRAGMA user_version = 2`)))
	must(t)(db.Close())

	d := open(t, path)
	id, err := d.CheckSecret(ctx, "c", secret)
	must(t)(err)
	if id.PrincipalID != "o" {
		t.Errorf("got %+v", id)
	}
	a, err := d.ApplicationByClientID(ctx, "c")
	must(t)(err)
	if a.Name != "Operator" || len(a.ObjectID) != 36 || !a.Created.Equal(noon) {
		t.Errorf("got %+v", a)
	}
	if list, err := d.Secrets(ctx, a.ObjectID); err != nil || len(list) != 1 || len(list[0].KeyID) != 36 || !list[0].Ends.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
}
