package gateway_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
	"github.com/midas-mysql/midas/token"
)

// The ways in which a token arrives. Fact numbers are those of the list of what
// developers get wrong about Azure's sign-in.

// Fact 1: cleartext comes by an AuthSwitchRequest, for clients that named another plugin.
// Fact 4: the data in the switch is 20 bytes and a NUL; sqlx takes nothing else.
// Fact 3: the NUL that ends the token may be absent (MySql.Data, older PHP).
// Fact 5: the first answer is a hash of the token, to be ignored, and a client need not
// know length-encoded authentication data (PHP).
func TestCleartextSwitch(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	raw := w.token(id)
	for name, test := range map[string]struct {
		without wire.Capability
		end     string
	}{
		"with a NUL":                  {0, "\x00"},
		"without a NUL":               {0, ""},
		"as PHP, without LENENC data": {wire.ClientPluginAuthLenencClientData, "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			c.caps &^= test.without
			c.startTLS(w)
			c.login(user, wire.PluginNative, bytes.Repeat([]byte{7}, 20))
			request, err := wire.ParseAuthSwitchRequest(c.read())
			if err != nil || request.Plugin != wire.PluginClear || len(request.Data) != 21 || request.Data[20] != 0 || bytes.IndexByte(request.Data, 0) != 20 {
				t.Fatalf("switch %+v, %v", request, err)
			}
			c.send([]byte(raw + test.end))
			c.wantOK()
			c.query("SELECT 1")
			c.read()
		})
	}
}

// A client that names mysql_clear_password itself sends the token with its login, which
// is inside TLS by then.
func TestTokenInTheLoginPacket(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	c := w.dial()
	c.startTLS(w)
	c.login(user, wire.PluginClear, []byte(w.token(id)+"\x00"))
	c.wantOK()
}

// A client before plugins (npm's mysql) cannot send a token; it learns why.
func TestClientWithoutPlugins(t *testing.T) {
	w := oneBackend(t)
	user, _ := w.user("app")
	c := w.dial()
	c.caps &^= wire.ClientPluginAuth | wire.ClientPluginAuthLenencClientData
	c.startTLS(w)
	c.login(user, "", bytes.Repeat([]byte{7}, 20))
	if e := c.readERR(); e.Code != 1251 || !strings.Contains(e.Message, "CLIENT_PLUGIN_AUTH") {
		t.Errorf("got %v", e)
	}
}

// mysql2 with a hook, and Microsoft's plugin of Connector/J, have a token for
// mysql_clear_password alone, and say at first that there is no password.
func TestTokenAtTheSwitchAlone(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	c := w.dial()
	c.startTLS(w)
	c.login(user, wire.PluginCachingSHA2, nil)
	c.wantSwitch(wire.PluginClear)
	c.send(append([]byte(w.token(id)), 0))
	c.wantOK()
	c.command(wire.ChangeUser{User: user, Charset: 309, Plugin: wire.PluginCachingSHA2}.Append(nil, c.caps))
	c.wantSwitch(wire.PluginClear)
	c.send(append([]byte(w.token(id)), 0))
	c.wantOK()
}

// azure-identity-extensions sends nothing when it could not get a token: that is said
// in words and is no plain 1045.
func TestEmptyAnswers(t *testing.T) {
	w := oneBackend(t)
	user, _ := w.user("app")
	for name, sign := range map[string]func(c *rawClient){
		"caching_sha2_password, no hash": func(c *rawClient) {
			c.login(user, wire.PluginCachingSHA2, nil)
			c.wantSwitch(wire.PluginClear)
			c.send(nil)
		},
		"caching_sha2_password, a NUL": func(c *rawClient) {
			c.login(user, wire.PluginCachingSHA2, []byte{0})
			c.wantSwitch(wire.PluginClear)
			c.send([]byte{0})
		},
		"full authentication, a NUL": func(c *rawClient) {
			c.login(user, wire.PluginCachingSHA2, bytes.Repeat([]byte{7}, 32))
			c.read()
			c.send([]byte{0})
		},
		"the switch, empty": func(c *rawClient) {
			c.login(user, wire.PluginNative, bytes.Repeat([]byte{7}, 20))
			c.read()
			c.send(nil)
		},
	} {
		c := w.dial()
		c.startTLS(w)
		sign(c)
		if e := c.readERR(); e.Code != 1045 || !strings.Contains(e.Message, "no token received") {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// Fact 6: tokens are longer than 4,092 bytes when they hold many groups.
func TestLongToken(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	raw := w.forged(id, func(c *token.Claims) {
		for range 200 {
			c.Groups = append(c.Groups, "44444444-4444-4444-4444-444444444444")
		}
	})
	if len(raw) < 10_000 {
		t.Fatalf("the token has %d bytes only", len(raw))
	}
	if err := w.open(user, raw).Ping(); err != nil {
		t.Error(err)
	}
	c := w.dial()
	c.startTLS(w)
	c.login(user, wire.PluginNative, bytes.Repeat([]byte{7}, 20))
	c.read()
	c.send(bytes.Repeat([]byte{'x'}, 65<<10))
	if e := c.readERR(); e.Code != 1043 {
		t.Errorf("a token of 65 KiB: %v", e)
	}
}

// Fact 14: the audience is the URL, the URL with a slash, or the application's GUID as
// in version 2 tokens.
func TestAudiences(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	for name, change := range map[string]func(c *token.Claims){
		"URL":   func(*token.Claims) {},
		"slash": func(c *token.Claims) { c.Audience = token.Strings{midas.Resource + "/"} },
		"GUID": func(c *token.Claims) {
			c.Audience, c.Version = token.Strings{midas.ResourceAppID}, "2.0"
			c.AZP, c.AppID = c.AppID, ""
			c.Issuer = strings.TrimSuffix(c.Issuer, "/") + "/v2.0"
		},
	} {
		if err := w.open(user, w.forged(id, change)).Ping(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Fact 10 of the SQL side: scripts give the object id where others give the client id.
// Fact 9: the match is by ids: a token that only claims a fitting name is refused.
func TestMatchByIDs(t *testing.T) {
	w := oneBackend(t)
	id, other := w.identity("by-object-id"), w.identity("other-identity")
	w.exec(w.asAdmin(), "CREATE AADUSER '"+w.name("byoid")+"' IDENTIFIED BY '"+strings.ToUpper(id.PrincipalID)+"'")
	if err := w.open(w.name("byoid"), w.token(id)).Ping(); err != nil {
		t.Error(err)
	}
	pretender := w.forged(other, func(c *token.Claims) {
		c.UPN, c.Name, c.AppDisplayName = w.name("byoid"), w.name("byoid"), w.name("byoid")
	})
	w.refused(w.open(w.name("byoid"), pretender).Ping(), 1045, "the token is for")
}
