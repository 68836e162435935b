package gateway_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/wire"
)

// rawClient speaks the protocol packet by packet, for what no driver would do.
type rawClient struct {
	*testing.T
	conn     net.Conn
	seq      byte
	greeting wire.Greeting
	caps     wire.Capability
}

func (w *world) connect() *rawClient {
	w.Helper()
	return w.connectTo(w.addr)
}

func (w *world) connectTo(address string) *rawClient {
	w.Helper()
	conn, err := net.Dial("tcp", address)
	w.must(err)
	w.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawClient{T: w.T, conn: conn, caps: wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth |
		wire.ClientPluginAuthLenencClientData | wire.ClientTransactions | wire.ClientLongPassword | wire.ClientMultiResults}
}

// dial connects and reads the greeting.
func (w *world) dial() *rawClient {
	w.Helper()
	return w.dialAt(w.addr)
}

func (w *world) dialAt(address string) *rawClient {
	w.Helper()
	c := w.connectTo(address)
	var err error
	c.greeting, err = wire.ParseGreeting(c.read())
	w.must(err)
	return c
}

func (c *rawClient) startTLS(w *world) {
	c.send(wire.SSLRequest{Capabilities: c.caps | wire.ClientSSL, Charset: 45}.Append(nil))
	c.conn = tls.Client(c.conn, w.tls())
}

func (c *rawClient) login(user, plugin string, data []byte) {
	c.send(wire.HandshakeResponse{Capabilities: c.caps, Charset: 45, User: user, Plugin: plugin, AuthData: data}.Append(nil))
}

// signIn goes the usual way, caching_sha2_password full authentication.
func (w *world) signIn(user, token string) *rawClient {
	w.Helper()
	c := w.dial()
	c.startTLS(w)
	c.login(user, wire.PluginCachingSHA2, wire.CachingSHA2Scramble(token, c.greeting.AuthData))
	if got := c.read(); len(got) != 2 || got[0] != 1 || got[1] != wire.CachingSHA2FullAuth {
		w.Fatalf("want full authentication, got %x", got)
	}
	c.send(append([]byte(token), 0))
	c.wantOK()
	return c
}

// changeUser signs in anew, by the plugin that signIn used, whatever plugin is named.
func (c *rawClient) changeUser(user, plugin, secret string) {
	c.Helper()
	c.command(wire.ChangeUser{User: user, Charset: 309, Plugin: plugin, AuthData: bytes.Repeat([]byte{7}, 32)}.Append(nil, c.caps))
	request, err := wire.ParseAuthSwitchRequest(c.read())
	if err != nil || request.Plugin != wire.PluginCachingSHA2 {
		c.Fatalf("switch %+v, %v", request, err)
	}
	c.send(wire.CachingSHA2Scramble(secret, request.Data[:wire.NonceSize]))
	if got := c.read(); len(got) != 2 || got[1] != wire.CachingSHA2FullAuth {
		c.Fatalf("want full authentication, got %x", got)
	}
	c.send(append([]byte(secret), 0))
}

func (c *rawClient) read() []byte {
	c.Helper()
	payload, seq, err := wire.ReadPacket(c.conn, nil, 1<<24)
	if err != nil {
		c.Fatalf("read: %v", err)
	}
	c.seq = seq + 1
	return payload
}

func (c *rawClient) send(payload []byte) {
	c.Helper()
	if _, err := c.conn.Write(wire.AppendPacket(nil, c.seq, payload)); err != nil {
		c.Fatalf("write: %v", err)
	}
	c.seq++
}

func (c *rawClient) command(payload []byte) {
	c.Helper()
	c.seq = 0
	c.send(payload)
}

func (c *rawClient) query(sql string) { c.Helper(); c.command(wire.AppendQuery(nil, sql, c.caps)) }

func (c *rawClient) wantOK() {
	c.Helper()
	if got := c.read(); !wire.IsOK(got) {
		if e, err := wire.ParseERR(got); err == nil {
			c.Fatalf("want OK, got %v", e)
		}
		c.Fatalf("want OK, got %x", got)
	}
}

func (c *rawClient) readERR() wire.ERR {
	c.Helper()
	got := c.read()
	if !wire.IsERR(got) {
		c.Fatalf("want an error, got %x", got)
	}
	e, err := wire.ParseERR(got)
	if err != nil {
		c.Fatal(err)
	}
	return e
}

// wantSwitch reads the question for the client's password by another plugin.
func (c *rawClient) wantSwitch(plugin string) {
	c.Helper()
	got := c.read()
	if asked, err := wire.ParseAuthSwitchRequest(got); err != nil || asked.Plugin != plugin {
		c.Fatalf("want a switch to %s, got %x", plugin, got)
	}
}

// wantClosed checks that the gateway hangs up.
func (c *rawClient) wantClosed() {
	c.Helper()
	if _, err := io.Copy(io.Discard, c.conn); err != nil {
		c.Logf("closed with %v", err)
	}
}
