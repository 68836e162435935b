package gateway_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
	"github.com/midas-mysql/midas/token"
)

// signer has the issuer's own key, for tokens that the issuer would never make: of the
// keys that it keeps, the one that a token of id is signed with.
func (w *world) signer(id midas.Identity) token.SigningKey {
	w.Helper()
	header, _, err := token.DecodeUnverified(w.token(id))
	w.must(err)
	files, err := filepath.Glob(filepath.Join(keyDir, "*.pem"))
	w.must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		w.must(err)
		if key := w.readKey(text); key.KeyID == header.KeyID {
			return key
		}
	}
	w.Fatalf("no key %q in %q", header.KeyID, files)
	return token.SigningKey{}
}

func (w *world) readKey(text []byte) (key token.SigningKey) {
	w.Helper()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			sum := sha1.Sum(block.Bytes)
			key.KeyID = base64.RawURLEncoding.EncodeToString(sum[:])
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		w.must(err)
		key.Private = parsed.(*rsa.PrivateKey)
	}
	return key
}

// forged is id's own token with its claims changed and signed again by the issuer's key.
func (w *world) forged(id midas.Identity, change func(*token.Claims)) string {
	w.Helper()
	_, claims, err := token.DecodeUnverified(w.token(id))
	w.must(err)
	change(&claims)
	raw, err := token.Sign(w.signer(id), claims)
	w.must(err)
	return raw
}

// resigned is id's token with another header, and what sign makes of it for a signature.
func (w *world) resigned(id midas.Identity, algorithm string, sign func(signed string) []byte) string {
	w.Helper()
	parts := strings.Split(w.token(id), ".")
	text, err := json.Marshal(map[string]string{"typ": "JWT", "alg": algorithm, "kid": w.signer(id).KeyID})
	w.must(err)
	signed := base64.RawURLEncoding.EncodeToString(text) + "." + parts[1]
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(signed))
}

// TestRefusals holds what each refusal tells a client in one golden file: a plain 1045
// until signature, issuer, tenant and audience hold, and the reason afterwards. None
// changes anything on the backend.
func TestRefusals(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	public, err := x509.MarshalPKIXPublicKey(&w.signer(id).Private.PublicKey)
	w.must(err)
	raw := w.token(id)
	before := w.accountsOfBackend()
	const week = token.Seconds(7 * 24 * 3600)

	var b strings.Builder
	for _, c := range []struct{ title, user, password string }{
		{"no token, but a password", user, "secret"},
		{"an empty password", user, ""},
		{"alg none", user, w.resigned(id, "none", func(string) []byte { return []byte{0} })},
		{"alg None", user, w.resigned(id, "None", func(string) []byte { return []byte{0} })},
		{"HMAC with the public key for a secret", user, w.resigned(id, "HS256", func(signed string) []byte {
			mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		})},
		{"a signature of nothing", user, w.resigned(id, "RS256", func(string) []byte { return make([]byte, 256) })},
		{"a signature without its last character", user, raw[:len(raw)-1]},
		{"two parts", user, raw[:strings.LastIndexByte(raw, '.')]},
		{"cut at 79 characters, as by a prompt", user, raw[:79]},
		{"another claim", user, strings.Replace(raw, ".eyJ", ".eyK", 1)},
		{"for another service", user, w.forged(id, func(c *token.Claims) { c.Audience = token.Strings{"https://vault.azure.net"} })},
		{"of another tenant", user, w.forged(id, func(c *token.Claims) { c.TenantID = "22222222-2222-2222-2222-222222222222" })},
		{"of another issuer", user, w.forged(id, func(c *token.Claims) { c.Issuer = "https://sts.windows.net/" + c.TenantID + "/" })},
		{"expired and for another service", user, w.forged(id, func(c *token.Claims) {
			c.Expiry -= week
			c.Audience = token.Strings{"https://vault.azure.net"}
		})},
		{"expired", user, w.forged(id, func(c *token.Claims) { c.NotBefore -= week; c.Expiry -= week })},
		{"not valid yet", user, w.forged(id, func(c *token.Claims) { c.NotBefore += week; c.Expiry += week })},
		{"of nobody", user, w.forged(id, func(c *token.Claims) { c.ObjectID, c.Subject = "", "" })},
		{"a person's, through the application", user, w.forged(id, func(c *token.Claims) {
			c.Scope, c.IDType = token.Strings{"user_impersonation"}, "user"
			c.ObjectID, c.Subject = w.admin.PrincipalID, "pairwise"
		})},
		{"of another identity", user, w.token(w.identity("other"))},
		{"for a user that is none", "nobody", raw},
		{"for the administrator", w.name("admin"), raw},
		{"with the name of a server that is none", user + "@elsewhere", raw},
	} {
		err := w.open(c.user, c.password, inTheClear).Ping()
		fmt.Fprintf(&b, "%s\n  %s\n", c.title, w.shown(err, map[string]string{
			w.suffix: "N", id.ClientID: "CLIENT_ID", id.PrincipalID: "OBJECT_ID", w.admin.PrincipalID: "ADMIN_ID",
		}))
	}
	golden.Assert(t, b.String(), "refusals.golden")
	if diff := cmp.Diff(before, w.accountsOfBackend()); diff != "" {
		t.Errorf("the backend's accounts changed:\n%s", diff)
	}
	if err := w.open(user, raw).Ping(); err != nil {
		t.Errorf("the right token afterwards: %v", err)
	}
}

var otherGUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// shown is an error as a person reads it, with names for what differs from run to run.
func (w *world) shown(err error, names map[string]string) string {
	w.Helper()
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) {
		w.Errorf("not an error of the server: %v", err)
		return ""
	}
	text := refused.Error()
	for value, name := range names {
		text = strings.ReplaceAll(text, value, name)
	}
	return otherGUID.ReplaceAllString(text, "GUID")
}

// accountsOfBackend are all accounts there, with their secrets' hashes, and mappings.
func (w *world) accountsOfBackend() []string {
	w.Helper()
	var all []string
	for _, query := range []string{
		"SELECT CONCAT(User, '@', Host, ' ', authentication_string) FROM mysql.user ORDER BY 1",
		"SELECT CONCAT_WS(' ', `user`, `host`, `principal`, `generation`) FROM midas.aaduser ORDER BY 1",
	} {
		rows, err := w.backend.DB().Query(query)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var line string
			w.must(rows.Scan(&line))
			all = append(all, line)
		}
		w.must(rows.Err())
	}
	return all
}

// TestNoTLS: a client without TLS gets 3159 in answer to its first packet. It has not
// been asked for anything by then, so nothing secret has been sent: eleven of fourteen
// clients would send the token in the clear if they were asked.
func TestNoTLS(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	for _, plugin := range []string{wire.PluginCachingSHA2, wire.PluginNative, wire.PluginClear} {
		c := w.dial()
		c.login(user, plugin, []byte("whatever a client hashes"))
		if e := c.readERR(); e.Code != 3159 || e.State != "HY000" || !strings.Contains(e.Message, "require_secure_transport") {
			t.Errorf("%s: %v", plugin, e)
		}
		c.wantClosed()
	}
	err := w.open(user, w.token(id), func(c *mysql.Config) { c.TLS, c.AllowCleartextPasswords = nil, true }).Ping()
	w.refused(err, 3159)
	if got := w.lastSignIn(); got.Outcome != midas.Refused || got.User != user || got.Principal.Issuer != "" {
		t.Errorf("audit record %+v", got)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	w := oneBackend(t)
	c := w.dial()
	c.send(wire.SSLRequest{Capabilities: c.caps | wire.ClientSSL, Charset: 45}.Append(nil))
	config := w.tls()
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := tls.Client(c.conn, config).Handshake(); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// TestGreeting: it names an ordinary plugin, never mysql_clear_password, which would
// make clients send the token first of all; and only what both sides can relay.
func TestGreeting(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		g := w.dial().greeting
		if g.Plugin != wire.PluginCachingSHA2 || len(g.AuthData) != wire.NonceSize || !g.Capabilities.Has(wire.ClientSSL|wire.ClientPluginAuth) {
			t.Errorf("greeting %+v", g)
		}
		if g.Capabilities.Has(wire.ClientCompress) || g.Capabilities.Has(wire.ClientZstdCompression) {
			t.Errorf("the greeting offers compression: %x", g.Capabilities)
		}
		if want := w.backend.Version(); !strings.HasSuffix(g.Version, want) {
			t.Errorf("version %q, the backend has %q", g.Version, want)
		}
	})
}

// TestSilentClientIsDropped: a client that says nothing does not hold a place for ever.
func TestSilentClientIsDropped(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.signInTimeout = 50 * time.Millisecond
	w.startGateway()
	w.dial().wantClosed()
	c := w.dial()
	c.startTLS(w)
	c.wantClosed()
}

func TestOversizeAndBrokenPacketsBeforeSignIn(t *testing.T) {
	w := oneBackend(t)
	for name, packet := range map[string][]byte{
		"a length of 16 MiB":  {0xff, 0xff, 0xff, 1},
		"a length of 64 KiB":  {0x01, 0x00, 0x01, 1},
		"an empty packet":     {0, 0, 0, 1},
		"a stub of a login":   {4, 0, 0, 1, 0x05, 0xa2, 0x00, 0x00},
		"no handshake at all": {5, 0, 0, 1, 'G', 'E', 'T', ' ', '/'},
	} {
		c := w.dial()
		if _, err := c.conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if e := c.readERR(); e.Code != 1043 && e.Code != 3159 {
			t.Errorf("%s: %v", name, e)
		}
		c.wantClosed()
	}
	c := w.dial()
	c.startTLS(w)
	c.send([]byte{1, 2, 3})
	if e := c.readERR(); e.Code != 1043 {
		t.Errorf("a broken login inside TLS: %v", e)
	}
}
