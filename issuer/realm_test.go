package issuer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

const (
	alice    = "alice@contoso.example"
	password = "Correct horse 1 battery"
	azureCLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
)

// realm is an issuer over a real directory, reached by TLS, with a clock that is moved by
// hand.
type realm struct {
	*issuer.Issuer
	directory *directory.Directory
	tenant    string
	base      string
	http      *http.Client
	userID    string // of alice
	file      string // of the directory

	certificate []byte // of the server, DER

	mu  sync.Mutex
	now time.Time
}

func (r *realm) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *realm) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func newRealm(t testing.TB, change ...func(*issuer.Config)) *realm {
	t.Helper()
	r := &realm{now: time.Now().Truncate(time.Second)}
	var err error
	r.file = filepath.Join(t.TempDir(), "directory.db")
	r.directory, err = directory.Open(context.Background(), directory.Config{Path: r.file, Now: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.directory.Close() })
	r.tenant, _ = r.directory.Tenant()
	server := httptest.NewUnstartedServer(nil)
	cfg := issuer.Config{
		Dir: keyDir(t), TenantID: r.tenant, BaseURL: func() string { return "https://" + server.Listener.Addr().String() },
		Applications: r.directory, People: r.directory, Principals: r.directory, Members: r.directory, Grants: r.directory, Resources: r.directory,
		Now: r.clock,
	}
	for _, c := range change {
		c(&cfg)
	}
	if r.Issuer, err = issuer.New(cfg); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = r.Issuer
	server.StartTLS()
	t.Cleanup(server.Close)
	r.base, r.http, r.certificate = server.URL, server.Client(), server.Certificate().Raw
	name, given, surname, mail, secret, upn := "Alice Liddell", "Alice", "Liddell", "alice@mail.example", password, alice
	u, err := r.directory.CreateUser(t.Context(), nil, directory.UserChange{
		UPN: &upn, DisplayName: &name, GivenName: &given, Surname: &surname, Mail: &mail, Password: &secret, MailNickname: &given,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.userID = u.ObjectID
	return r
}

// post sends a form to a path and returns status and answer.
func (r *realm) post(t testing.TB, path string, pairs ...string) (int, map[string]any) {
	t.Helper()
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	res, err := r.http.PostForm(r.base+path, f)
	if err != nil {
		t.Fatal(err)
	}
	status, _, doc := readJSON(t, res)
	return status, doc
}

func (r *realm) v2() string { return "/" + r.tenant + "/oauth2/v2.0/token" }

// claims reads the access token of an answer.
func claims(t testing.TB, doc map[string]any) token.Claims {
	t.Helper()
	raw, _ := doc["access_token"].(string)
	_, c, err := token.DecodeUnverified(raw)
	if err != nil {
		t.Fatalf("%v in %v", err, doc)
	}
	return c
}

// refused checks an error answer.
func refused(t testing.TB, what string, status int, doc map[string]any, wantStatus int, code, number string) {
	t.Helper()
	text, _ := doc["error_description"].(string)
	if status != wantStatus || doc["error"] != code || !strings.HasPrefix(text, number+": ") {
		t.Errorf("%s: %d %v, not %d %s %s", what, status, doc, wantStatus, code, number)
	}
}

// signingKey makes keys of clients and of outside issuers once: it takes long.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// certificateOf makes a certificate of key, DER.
func certificateOf(t testing.TB, key *rsa.PrivateKey, from, until time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: "client"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func thumbprints(der []byte) (sha1b64, sha256b64 string) {
	a, b := sha1.Sum(der), sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(a[:]), base64.RawURLEncoding.EncodeToString(b[:])
}

// sign makes a JWT of any claims and header.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[string]any, claims any) string {
	t.Helper()
	options := new(jose.SignerOptions).WithType("JWT")
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func copyTo(w io.Writer, res *http.Response) (int64, error) { return io.Copy(w, res.Body) }

// Wrong credentials without end: the log says so, and how often, in few lines.
func TestStrangersWriteFewLines(t *testing.T) {
	var out journal
	r := newRealm(t, func(c *issuer.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	client, _ := r.certified(t, r.clock().Add(-time.Hour), r.clock().Add(time.Hour))
	own := sign(t, jose.RS256, signingKey(), map[string]any{"x5t": "AAAA"}, map[string]any{"aud": r.base + r.v2(), "iss": client, "sub": client})
	outside := sign(t, jose.RS256, signingKey(), nil, map[string]any{"aud": "x", "iss": "https://else.example", "sub": client})
	for _, wait := range []time.Duration{0, 10 * time.Second} {
		r.pass(wait)
		for i := range 20 {
			r.assert(t, client, own)
			r.assert(t, client, outside)
			r.post(t, r.v2(), "grant_type", "client_credentials", "client_id", fmt.Sprint("client", i), "client_secret", "wrong", "scope", midas.Resource+"/.default")
		}
	}
	text := out.String()
	for _, message := range []string{"client assertion refused", "federated assertion refused", "client secret refused"} {
		if n := strings.Count(text, message); n != 2 {
			t.Errorf("%s: %d lines of 40", message, n)
		}
	}
	if n := strings.Count(text, "left_out=19"); n != 3 || strings.Count(text, "level=WARN") != 6 {
		t.Errorf("not all is counted that was left out:\n%s", text)
	}
}

// Wrong passwords for any number of names, and sign-ins again and again, are told in one line
// each in ten seconds, with how many it stands for.
func TestPeopleWriteFewLines(t *testing.T) {
	var out journal
	r := newRealm(t, func(c *issuer.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	for _, wait := range []time.Duration{0, 10 * time.Second} {
		r.pass(wait)
		for i := range 10 {
			r.signIn(t, "username", fmt.Sprint("guess", i, "@contoso.example"), "password", "wrong")
		}
		for range 5 {
			if status, doc := r.signIn(t); status != http.StatusOK {
				t.Fatal(status, doc)
			}
		}
	}
	text := out.String()
	for message, left := range map[string]int{"password refused": 9, "person signed in": 4, "token issued": 4} {
		if n := strings.Count(text, message); n != 2 || !strings.Contains(text, fmt.Sprint("left_out=", left)) {
			t.Errorf("%s: %d lines, want 2, the second with %d left out:\n%s", message, n, left, text)
		}
	}
}

// A client that hangs up ends what is done for it, which is no fault of ours.
func TestClientsThatHangUpAreNotLogged(t *testing.T) {
	var out journal
	r := newRealm(t, func(c *issuer.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	client, _ := r.certified(t, r.clock().Add(-time.Hour), r.clock().Add(time.Hour))
	assertion := func(issuer string) string {
		return sign(t, jose.RS256, signingKey(), map[string]any{"x5t": "AAAA"}, map[string]any{"aud": "x", "iss": issuer, "sub": client})
	}
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	for name, f := range map[string]url.Values{
		"secret":            {"client_id": {client}, "grant_type": {"client_credentials"}, "client_secret": {"x"}},
		"own assertion":     {"client_id": {client}, "grant_type": {"client_credentials"}, "client_assertion": {assertion(client)}},
		"outside assertion": {"client_id": {client}, "grant_type": {"client_credentials"}, "client_assertion": {assertion("https://else.example")}},
		"password":          {"client_id": {azureCLI}, "grant_type": {"password"}, "username": {alice}, "password": {"x"}},
	} {
		f.Set("scope", midas.Resource+"/.default")
		if f.Has("client_assertion") {
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		}
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, r.v2(), strings.NewReader(f.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if rec := record(r.Issuer, req); rec.Code < 500 {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if text := out.String(); text != "" {
		t.Error(text)
	}
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
