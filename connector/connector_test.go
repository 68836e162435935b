package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/tokensource"
)

// tokens hands out its elements; Discard goes on to the next one.
type tokens struct {
	raw       []string
	discarded []string
	err       error
}

var _ Tokens = (*tokens)(nil)

func (s *tokens) Token(context.Context) (midas.Token, error) {
	if s.err != nil {
		return midas.Token{}, s.err
	}
	return midas.Token{Raw: s.raw[0]}, nil
}

func (s *tokens) Discard(raw string) {
	s.discarded = append(s.discarded, raw)
	if len(s.raw) > 1 {
		s.raw = s.raw[1:]
	}
}

func config(change func(*mysql.Config)) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", "mydb.mysql.database.azure.com:3306", "myuser"
	change(cfg)
	return cfg
}

func TestTransportRules(t *testing.T) {
	if err := mysql.RegisterTLSConfig("connector-test-good", &tls.Config{ServerName: "mydb"}); err != nil {
		t.Fatal(err)
	}
	if err := mysql.RegisterTLSConfig("connector-test-blind", &tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	ownCheck := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
	for name, test := range map[string]struct {
		change func(*mysql.Config)
		fine   bool
	}{
		"TLS unset means verified":            {func(*mysql.Config) {}, true},
		"tls=true":                            {func(c *mysql.Config) { c.TLSConfig = "true" }, true},
		"registered":                          {func(c *mysql.Config) { c.TLSConfig = "connector-test-good" }, true},
		"given":                               {func(c *mysql.Config) { c.TLS = &tls.Config{} }, true},
		"verified by the program's own check": {func(c *mysql.Config) { c.TLS = ownCheck }, true},

		"tls=false":                       {func(c *mysql.Config) { c.TLSConfig = "false" }, false},
		"tls=preferred":                   {func(c *mysql.Config) { c.TLSConfig = "preferred" }, false},
		"tls=skip-verify":                 {func(c *mysql.Config) { c.TLSConfig = "skip-verify" }, false},
		"registered without verification": {func(c *mysql.Config) { c.TLSConfig = "connector-test-blind" }, false},
		"given without verification":      {func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }, false},
		"blind, behind a harmless name": {func(c *mysql.Config) {
			c.TLSConfig, c.TLS = "true", &tls.Config{InsecureSkipVerify: true}
		}, false},
		"verified with a fallback": {func(c *mysql.Config) { c.TLSConfig, c.AllowFallbackToPlaintext = "true", true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(test.change)
			_, err := New(cfg, WithTokens(&tokens{raw: []string{"x"}}))
			if (err == nil) != test.fine || err != nil && midas.CodeOf(err) != midas.Invalid {
				t.Errorf("error %v; want one: %v", err, !test.fine)
			}
			if _, err := New(cfg, WithTokens(&tokens{raw: []string{"x"}}), InsecureTransport()); err != nil {
				t.Errorf("with InsecureTransport: %v", err)
			}
			if cfg.AllowCleartextPasswords {
				t.Error("the caller's configuration was changed")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*mysql.Config)
		opts   []Option
		says   string
	}{
		"a password":         {func(c *mysql.Config) { c.Passwd = "hunter2" }, []Option{WithTokens(&tokens{})}, "has a password"},
		"an unknown name":    {func(c *mysql.Config) { c.TLSConfig = "nobody-registered-this" }, []Option{WithTokens(&tokens{})}, "nobody-registered-this"},
		"no credential":      {func(c *mysql.Config) { c.Addr = "db.example:3306" }, nil, "no credential"},
		"what to do":         {func(c *mysql.Config) { c.Addr = "db.example:3306" }, nil, "(run the program with midas vm run"},
		"a nil credential":   {func(*mysql.Config) {}, []Option{WithCredential(nil)}, "no credential"},
		"no tokens":          {func(*mysql.Config) {}, []Option{WithTokens(nil)}, "no tokens"},
		"a nil source":       {func(*mysql.Config) {}, []Option{WithTokens((*tokensource.Source)(nil))}, "no tokens"},
		"a nil option":       {func(*mysql.Config) {}, []Option{WithTokens(&tokens{}), nil}, "option 2 is nil"},
		"a nil pointer":      {func(*mysql.Config) {}, []Option{WithCredential((*azidentity.AzureCLICredential)(nil))}, "no credential"},
		"an unknown network": {func(c *mysql.Config) { c.Net, c.Addr = "pigeon", "" }, []Option{WithTokens(&tokens{})}, "pigeon"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"IDENTITY_ENDPOINT", "MIDAS_VM", "AZURE_FEDERATED_TOKEN_FILE"} {
				t.Setenv(v, "")
			}
			_, err := New(config(test.change), test.opts...)
			if midas.CodeOf(err) != midas.Invalid || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v; want class %q and %q", err, midas.Invalid, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows the password")
			}
		})
	}
}

func TestNewWithoutConfiguration(t *testing.T) {
	if _, err := New(nil, WithTokens(&tokens{})); midas.CodeOf(err) != midas.Invalid || !strings.Contains(err.Error(), "(make one with mysql.NewConfig") {
		t.Errorf("error %v; want class %q and what to do", err, midas.Invalid)
	}
}

func TestNoTokenNoConnection(t *testing.T) {
	no := errors.New("the metadata endpoint is away")
	c, err := New(config(func(c *mysql.Config) { c.Addr = "127.0.0.1:1" }), WithTokens(&tokens{err: no}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connect(t.Context()); !errors.Is(err, no) {
		t.Errorf("error %v, want that of the token source", err)
	}
}

// server returns a real server with an account whose password is "eyJ.new.sig", and a
// configuration that verifies its certificate.
func server(t *testing.T) *mysql.Config {
	t.Helper()
	s := mysqltest.MySQL97(t)
	for _, q := range []string{
		"DROP USER IF EXISTS tokenuser", "CREATE USER tokenuser IDENTIFIED BY 'eyJ.new.sig'",
	} {
		if _, err := s.DB().Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	var data string
	if err := s.DB().QueryRow("SELECT @@datadir").Scan(&data); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", s.Addr, "tokenuser"
	// The certificate that mysqld makes for itself names no host.
	cfg.TLS = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool})
		return err
	}}
	return cfg
}

func TestConnectsAndRetriesOnce(t *testing.T) {
	for name, test := range map[string]struct {
		raw       []string
		fine      bool
		discarded []string
	}{
		"good token":                      {[]string{"eyJ.new.sig"}, true, nil},
		"old token, then a good one":      {[]string{"eyJ.old.sig", "eyJ.new.sig"}, true, []string{"eyJ.old.sig"}},
		"the same old token again":        {[]string{"eyJ.old.sig"}, false, []string{"eyJ.old.sig"}},
		"two bad ones: there is no third": {[]string{"eyJ.1.sig", "eyJ.2.sig", "eyJ.new.sig"}, false, []string{"eyJ.1.sig"}},
	} {
		t.Run(name, func(t *testing.T) {
			source := &tokens{raw: test.raw}
			c, err := New(server(t), WithTokens(source))
			if err != nil {
				t.Fatal(err)
			}
			db := sql.OpenDB(c)
			defer db.Close()
			var user string
			err = db.QueryRowContext(t.Context(), "SELECT CURRENT_USER()").Scan(&user)
			switch {
			case test.fine && (err != nil || user != "tokenuser@%"):
				t.Errorf("user %q, error %v", user, err)
			case !test.fine && midas.CodeOf(err) != midas.Unauthenticated:
				t.Errorf("error %v, want class %q", err, midas.Unauthenticated)
			case err != nil && strings.Contains(err.Error(), "eyJ"):
				t.Errorf("the error shows a token: %v", err)
			}
			if diff := cmp.Diff(test.discarded, source.discarded); diff != "" {
				t.Errorf("discarded tokens: %s", diff)
			}
		})
	}
}

// An account that refuses every token makes each connection learn so once, and asks for
// a new token once a minute, no matter who hands out the tokens.
func TestDiscardsOneTokenAMinute(t *testing.T) {
	cfg := server(t)
	source := &tokens{raw: []string{"eyJ.1.sig", "eyJ.2.sig", "eyJ.3.sig", "eyJ.new.sig"}}
	made, err := New(cfg, WithTokens(source))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := made.(*connector)
	c.now = func() time.Time { return now }
	refused := func(attempts int, want ...string) {
		t.Helper()
		for range attempts {
			if _, err := c.Connect(t.Context()); midas.CodeOf(err) != midas.Unauthenticated {
				t.Fatalf("error %v; want class %q", err, midas.Unauthenticated)
			}
			now = now.Add(time.Second)
		}
		if diff := cmp.Diff(want, source.discarded); diff != "" {
			t.Errorf("discarded tokens: %s", diff)
		}
	}
	refused(50, "eyJ.1.sig")
	now = now.Add(discardAfter)
	refused(1, "eyJ.1.sig", "eyJ.2.sig")
	now = now.Add(discardAfter)
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestUnverifiedServerGetsNoToken(t *testing.T) {
	cfg := server(t)
	cfg.TLS = nil // the system's authorities, and a certificate that they have not signed
	c, err := New(cfg, WithTokens(&tokens{raw: []string{"eyJ.new.sig"}}))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(t.Context())
	if err == nil {
		conn.Close()
		t.Fatal("connected to a server that has not proved its name")
	}
	if midas.CodeOf(err) != midas.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
}

func TestHookOfTheCallerStays(t *testing.T) {
	cfg := server(t)
	called := 0
	hook := mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) error {
		called++
		if c.Passwd == "" {
			t.Error("the hook runs before the token is there")
		}
		return nil
	})
	if err := cfg.Apply(hook); err != nil {
		t.Fatal(err)
	}
	c, err := New(cfg, WithTokens(&tokens{raw: []string{"eyJ.new.sig"}}))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil || called != 1 {
		t.Errorf("error %v, hook called %d times", err, called)
	}
}
