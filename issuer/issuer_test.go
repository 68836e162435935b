package issuer_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

const (
	vm   = "/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/vm1"
	uami = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
)

// minting is a request for a token, and what is special in its claims.
type minting struct {
	name    string
	request midas.TokenRequest
	change  func(*token.Claims)
}

func mintings(now time.Time) []minting {
	identity := midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object}
	system := identity
	system.ResourceID = vm
	return []minting{
		{
			"user-assigned: 24 h and 5 min long, host named apart from the identity",
			midas.TokenRequest{Identity: identity, Resource: midas.Resource, Host: vm},
			func(c *token.Claims) { c.XMSMIRID, c.XMSAZRID = uami, vm },
		},
		{
			"system-assigned: the identity is the host, which is not named again",
			midas.TokenRequest{Identity: system, Resource: midas.Resource, Host: strings.ToUpper(vm)},
			func(c *token.Claims) { c.XMSMIRID = vm },
		},
		{
			"audience is the resource byte for byte, slash included",
			midas.TokenRequest{Identity: identity, Resource: "https://vault.azure.net/"},
			func(c *token.Claims) { c.Audience, c.XMSMIRID = token.Strings{"https://vault.azure.net/"}, uami },
		},
		{
			"lifetime on demand",
			midas.TokenRequest{Identity: identity, Resource: midas.Resource, Lifetime: time.Minute},
			func(c *token.Claims) { c.XMSMIRID, c.Expiry = uami, token.At(now)+60 },
		},
	}
}

func TestMintClaims(t *testing.T) {
	i, base := serve(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	common := token.Claims{
		Audience: token.Strings{midas.Resource}, Issuer: base + "/" + tenant + "/", IDP: base + "/" + tenant + "/",
		IssuedAt: token.At(now) - 300, NotBefore: token.At(now) - 300, Expiry: token.At(now) + 86400,
		AppID: app, AppIDACR: "2", IDType: "app", ObjectID: object, Subject: object, TenantID: tenant, Version: "1.0",
	}
	for _, c := range mintings(now) {
		t.Run(c.name, func(t *testing.T) {
			minted, err := i.Mint(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			header, got, err := token.DecodeUnverified(minted.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if header.Type != "JWT" || header.Algorithm != "RS256" || header.KeyID == "" || header.X5T != header.KeyID || minted.KeyID != header.KeyID {
				t.Errorf("header %+v, key %q", header, minted.KeyID)
			}
			if got.AIO == "" || got.RH == "" || len(got.UTI) < 22 {
				t.Errorf("opaque claims %q %q %q", got.AIO, got.RH, got.UTI)
			}
			got.AIO, got.RH, got.UTI = "", "", ""
			want := common
			c.change(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if minted.Resource != c.request.Resource || !minted.Expiry.Equal(want.Expiry.Time()) || !minted.NotBefore.Equal(want.NotBefore.Time()) {
				t.Errorf("minted %s from %s until %s", minted.Resource, minted.NotBefore, minted.Expiry)
			}
		})
	}
}

func TestMintRefusesWhatNoTokenMaySay(t *testing.T) {
	i, _ := serve(t)
	good := midas.TokenRequest{
		Identity: midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object},
		Resource: midas.Resource,
	}
	if _, err := i.Mint(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*midas.TokenRequest){
		"no resource":           func(r *midas.TokenRequest) { r.Resource = "" },
		"no client id":          func(r *midas.TokenRequest) { r.Identity.ClientID = "" },
		"no object id":          func(r *midas.TokenRequest) { r.Identity.PrincipalID = "" },
		"no managed identity":   func(r *midas.TokenRequest) { r.Identity.ResourceID = "" },
		"another tenant":        func(r *midas.TokenRequest) { r.Identity.TenantID = object },
		"a lifetime in reverse": func(r *midas.TokenRequest) { r.Lifetime = -time.Second },
	} {
		r := good
		change(&r)
		if minted, err := i.Mint(t.Context(), r); midas.CodeOf(err) != midas.Internal || minted.Raw != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMintedTokenIsVerifiedInProcess(t *testing.T) {
	i, _ := serve(t)
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: i.IssuerURLs(), TenantID: tenant, Keys: i.Keys()}},
		Audiences: []string{midas.Resource},
		Now:       func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := i.Mint(t.Context(), midas.TokenRequest{
		Identity: midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object},
		Resource: midas.Resource,
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Verify(t.Context(), minted.Raw)
	if err != nil || !p.AppOnly || p.ClientID != app || p.ObjectID != object || p.Name != "id1" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestKeysSurviveRestartAndAreForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "issuer")
	open := func() *issuer.Issuer {
		t.Helper()
		i, err := issuer.New(issuer.Config{
			Dir: dir, TenantID: tenant, Applications: applications{}, BaseURL: func() string { return "https://h" },
		})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	first := open()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v: a key that signs, the next one and their list expected", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	if diff := cmp.Diff(keyIDs(t, first), keyIDs(t, open())); diff != "" {
		t.Errorf("keys changed by a restart: %s", diff)
	}
}

var keyIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{27}$`)

func keyIDs(t *testing.T, i *issuer.Issuer) []string {
	t.Helper()
	var ids []string
	for _, k := range i.PublishedKeys() {
		if !keyIDPattern.MatchString(k.ID) {
			t.Errorf("key id %q is not a thumbprint", k.ID)
		}
		if _, err := i.Keys().Key(t.Context(), k.ID); err != nil {
			t.Error(err)
		}
		ids = append(ids, k.ID)
	}
	if len(ids) < 2 {
		t.Errorf("%d keys published, at least 2 expected", len(ids))
	}
	return sorted(ids)
}

func TestDamagedKeysAreRefused(t *testing.T) {
	one, other := keyFiles(t)[0], keyFiles(t)[1]
	for name, damage := range map[string]func(dir string) error{
		"readable by others": func(dir string) error { return os.Chmod(filepath.Join(dir, one), 0o640) },
		"cut off":            func(dir string) error { return os.Truncate(filepath.Join(dir, other), 1500) },
		"empty":              func(dir string) error { return os.Truncate(filepath.Join(dir, one), 0) },
		"gone":               func(dir string) error { return os.Remove(filepath.Join(dir, one)) },
		"another key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, other), madeKeys()[one], 0o600)
		},
		"certificate of another key": func(dir string) error {
			cert, _ := pem.Decode(madeKeys()[one])
			_, rest := pem.Decode(madeKeys()[other])
			return os.WriteFile(filepath.Join(dir, other), append(pem.EncodeToMemory(cert), rest...), 0o600)
		},
		"list cut off":      func(dir string) error { return os.Truncate(filepath.Join(dir, "keys.json"), 20) },
		"list without keys": func(dir string) error { return os.WriteFile(filepath.Join(dir, "keys.json"), []byte("{}"), 0o600) },
	} {
		dir := keyDir(t)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		_, err := issuer.New(issuer.Config{
			Dir: dir, TenantID: tenant, Applications: applications{}, BaseURL: func() string { return "https://h" },
		})
		if midas.CodeOf(err) != midas.Internal || midas.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", name, err, midas.HintOf(err))
		}
	}
}

// keyFiles names the two key files.
func keyFiles(tb testing.TB) (names []string) {
	tb.Helper()
	for name := range madeKeys() {
		if filepath.Ext(name) == ".pem" {
			names = append(names, name)
		}
	}
	if len(names) != 2 {
		tb.Fatalf("key files %v", names)
	}
	return sorted(names)
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := issuer.New(issuer.Config{Dir: t.TempDir()}); midas.CodeOf(err) != midas.Invalid {
		t.Error(err)
	}
}

// privateNumbers are the numbers of every signing key that must never leave.
func privateNumbers(t *testing.T) [][]byte {
	t.Helper()
	var out [][]byte
	for _, name := range keyFiles(t) {
		_, rest := pem.Decode(madeKeys()[name])
		block, _ := pem.Decode(rest)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rsaSecrets(key)...)
	}
	if len(out) < 6 || bytes.Equal(out[0], out[1]) {
		t.Fatal("no private numbers to look for")
	}
	return out
}
