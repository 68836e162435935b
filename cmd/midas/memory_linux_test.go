package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/statedir"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestPortsUnderAttack_slow attacks midas as people build it, in a process of its own: with the
// race detector, memory would say nothing.
func TestPortsUnderAttack_slow(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("PATH", built(t)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Run("one connection", attackByOneConnection)
	t.Run("many connections", attackByManyConnections)
	t.Run("content on each port", attackEachPort)
}

// attacked starts a midas.
func attacked(t *testing.T) (*upProcess, statedir.Running) {
	t.Helper()
	state, backend := filepath.Join(t.TempDir(), "state"), "embedded"
	if !stack.HasEmbedded() {
		backend = "mysqld"
	}
	up, err := startUp(t.TempDir(), []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}, "--state", state, "--backend", backend,
		"--control=127.0.0.1:0", "--metadata=127.0.0.1:0", "--mysql=127.0.0.1:0", "--ops=127.0.0.1:0", "--proxy=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := up.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	running, err := statedir.ReadRunning(state)
	if err != nil {
		t.Fatal(err)
	}
	return up, running
}

// attackByOneConnection opens 240 streams over one connection, each of which
// sends up to 4 MiB where no content is wanted, or never takes its answer, and reads how
// much memory the process has had at most.
func attackByOneConnection(t *testing.T) {
	up, running := attacked(t)
	before := peakMemory(t, up)
	token := "Bearer " + strings.Repeat("x", 20<<10)
	for _, attack := range []streams{
		{method: "GET", path: "/metadata/endpoints?api-version=2015-01-01"},
		{method: "GET", path: "/metadata/endpoints?api-version=2015-01-01", announces: true},
		{method: "GET", path: "/common/discovery/keys"},
		{method: "DELETE", path: "/subscriptions"},
		{method: "POST", path: "/common/oauth2/token", kind: "application/x-www-form-urlencoded"},
		{method: "POST", path: "/common/oauth2/token", kind: "application/x-www-form-urlencoded", authorization: token},
		{method: "PUT", path: "/graph/v1.0/me", authorization: token},
		{method: "POST", path: "/servicefabric/token"},
	} {
		t.Run(strings.Trim(fmt.Sprint(attack.method, " ", attack.path), " /"), func(t *testing.T) {
			attack.run(t, running)
			if grown := peakMemory(t, up) - before; grown > 48<<10 {
				t.Errorf("the process grew by %d MiB", grown>>10)
			}
		})
	}
	askKeys(t, running)
}

// attackByManyConnections has 400 connections ask as often as each may, with
// large headers, for answers that none of them takes, or with content that never comes.
// Others are served meanwhile.
func attackByManyConnections(t *testing.T) {
	large := "Bearer " + strings.Repeat("x", 24<<10)
	for name, attack := range map[string]streams{
		"answers untaken": {method: "GET", path: "/common/discovery/keys", authorization: large, whole: true},
		"slow content":    {method: "POST", path: "/common/oauth2/token", kind: "application/x-www-form-urlencoded", authorization: large},
	} {
		t.Run(name, func(t *testing.T) {
			up, running := attacked(t)
			before := peakMemory(t, up)
			for range 400 {
				conn := dialControl(t, running, "h2")
				defer conn.Close()
				attack.open(t, running, conn, 16)
			}
			askKeys(t, running)
			if grown := peakMemory(t, up) - before; grown > 224<<10 {
				t.Errorf("the process grew by %d MiB", grown>>10)
			}
		})
	}
}

// attackEachPort sends each port a request with content where none is wanted.
func attackEachPort(t *testing.T) {
	_, running := attacked(t)
	for name, c := range map[string]struct{ address, target string }{
		"metadata": {running.Metadata, "/metadata/instance"},
		"ops":      {running.Ops, "/metrics"},
		"proxy":    {running.Proxy, "http://169.254.169.254/metadata/instance"},
		"control":  {"", "/metadata/endpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			var conn net.Conn
			if c.address == "" {
				conn = dialControl(t, running, "http/1.1")
			} else {
				var err error
				if conn, err = net.Dial("tcp", strings.TrimPrefix(c.address, "http://")); err != nil {
					t.Fatal(err)
				}
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nContent-Length: %d\r\n\r\n", c.target, attackBody)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusBadRequest || !answer.Close {
				t.Errorf("%s, connection closed: %v", answer.Status, answer.Close)
			}
		})
	}
}

// peakMemory is the most that a process has had, in KiB.
func peakMemory(t *testing.T, p *upProcess) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// streams is an attack: requests over one connection, as many as that takes and more.
type streams struct {
	method, path, kind, authorization string
	announces                         bool // how much it is going to send
	whole                             bool // sends no content
}

const (
	attackStreams = 240
	attackBody    = 4 << 20
	attackFrame   = 16 << 10
)

// run opens all streams, whatever the server says that it takes, and sends on each of them
// for as long as the server's windows allow.
func (s streams) run(t *testing.T, running statedir.Running) {
	t.Helper()
	conn := dialControl(t, running, "h2")
	defer conn.Close()
	s.open(t, running, conn, attackStreams).sendAll(conn)
}

// open sends the headers of so many requests. It grants the server no window for its answers.
func (s streams) open(t *testing.T, running statedir.Running, conn net.Conn, count uint32) *attacker {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := io.WriteString(conn, http2.ClientPreface)
	must(err)
	a := &attacker{Framer: http2.NewFramer(conn, conn), window: 65535, initial: 65535, open: map[uint32]*stream{}}
	must(a.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range count {
		block.Reset()
		for _, f := range s.fields(running) {
			must(encoder.WriteField(f))
		}
		id := 2*i + 1
		must(a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndStream: s.whole, BlockFragment: block.Next(attackFrame), EndHeaders: block.Len() == 0}))
		for block.Len() > 0 {
			next := block.Next(attackFrame)
			must(a.WriteContinuation(id, block.Len() == 0, next))
		}
		a.open[id] = &stream{window: a.initial, left: attackBody}
	}
	return a
}

func (s streams) fields(running statedir.Running) []hpack.HeaderField {
	u, _ := url.Parse(running.Control)
	all := []hpack.HeaderField{
		{Name: ":method", Value: s.method},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: u.Host},
		{Name: ":path", Value: s.path},
		{Name: "content-type", Value: cmp.Or(s.kind, "application/json")},
	}
	if s.announces {
		all = append(all, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(attackBody)})
	}
	if s.authorization != "" {
		all = append(all, hpack.HeaderField{Name: "authorization", Value: s.authorization, Sensitive: true})
	}
	return all
}

// attacker is a client that sends what it is let.
type attacker struct {
	*http2.Framer
	window, initial int
	open            map[uint32]*stream
}

type stream struct{ window, left int }

// sendAll goes on until the server ends the connection, or has no more to say.
func (a *attacker) sendAll(conn net.Conn) {
	for conn.SetDeadline(time.Now().Add(time.Second)) == nil {
		for id, s := range a.open {
			for n := min(a.window, s.window, s.left, attackFrame); n > 0; n = min(a.window, s.window, s.left, attackFrame) {
				if a.WriteData(id, s.left == n, bytes.Repeat([]byte("a"), n)) != nil {
					return
				}
				a.window, s.window, s.left = a.window-n, s.window-n, s.left-n
			}
		}
		frame, err := a.ReadFrame()
		if err != nil {
			return
		}
		a.take(frame)
	}
}

func (a *attacker) take(frame http2.Frame) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if v, given := f.Value(http2.SettingInitialWindowSize); given {
			for _, s := range a.open {
				s.window += int(v) - a.initial
			}
			a.initial = int(v)
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			a.window += int(f.Increment)
		} else if s := a.open[f.StreamID]; s != nil {
			s.window += int(f.Increment)
		}
	case *http2.RSTStreamFrame:
		delete(a.open, f.StreamID)
	}
}

func dialControl(t *testing.T, running statedir.Running, protocol string) *tls.Conn {
	t.Helper()
	u, err := url.Parse(running.Control)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: controlRoots(t, running), NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		t.Fatalf("protocol %q, want %q", got, protocol)
	}
	return conn
}

func controlRoots(t *testing.T, running statedir.Running) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(running.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return roots
}

// askKeys is another client, which is served.
func askKeys(t *testing.T, running statedir.Running) {
	t.Helper()
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: controlRoots(t, running)}},
		Timeout:   5 * time.Second,
	}
	defer client.CloseIdleConnections()
	answer, err := client.Get(running.Control + "/common/discovery/keys")
	if err != nil {
		t.Fatal(errors.Join(errors.New("another client is not served"), err))
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("another client got %s", answer.Status)
	}
}
