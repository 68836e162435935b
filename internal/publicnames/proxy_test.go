package publicnames

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/ca"
)

// world is a proxy that serves, whose parts say what they were asked.
type world struct {
	proxy   *Proxy
	address string
	roots   *x509.CertPool
}

func says(who string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s: %s %s of %s secret=%q forwarded=%q proxy=%q", who, r.Method, r.RequestURI, r.Host,
			r.Header["X-Identity-Header"], r.Header["X-Forwarded-For"], r.Header["Proxy-Authorization"])
	})
}

func newWorld(t *testing.T) *world { return newWorldOf(t, 0) }

func newWorldOf(t *testing.T, connections int) *world {
	t.Helper()
	authority, err := ca.Open(ca.Config{Dir: t.TempDir(), Only: All()})
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := NewProxy(ProxyConfig{
		TLS:      authority.TLSConfig(nil),
		Names:    Handlers{Login: says("login"), Manager: says("manager"), Graph: says("graph"), Default: says("default")},
		Metadata: says("metadata"), Connections: connections,
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- proxy.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w := &world{proxy: proxy, address: l.Addr().String(), roots: x509.NewCertPool()}
	w.roots.AppendCertsFromPEM(authority.PEM())
	return w
}

// get asks for a URL through the proxy, as user when that is not nil.
func (w *world) get(t *testing.T, target string, user *url.Userinfo, headers http.Header) (int, string, error) {
	t.Helper()
	transport := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: w.address, User: user}),
		TLSClientConfig: &tls.Config{RootCAs: w.roots},
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if headers != nil {
		r.Header = headers
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func TestProxyAnswersForTheNames(t *testing.T) {
	w := newWorld(t)
	for name, who := range map[string]string{
		"login.microsoftonline.com": "login", "login.windows.net": "login", "sts.windows.net": "login", "login.microsoft.com": "login",
		"management.azure.com": "manager", "management.core.windows.net": "manager", "graph.microsoft.com": "graph",
		"Login.MicrosoftOnline.com": "login",
	} {
		code, body, err := w.get(t, "https://"+name+"/a//b?c=%2f", nil, nil)
		want := who + ": GET /a//b?c=%2f of " + name + ` secret=[] forwarded=[] proxy=[]`
		if err != nil || code != http.StatusOK || body != want {
			t.Errorf("%s: %d %v %s", name, code, err, cmp.Diff(want, body))
		}
	}
}

func TestProxyReachesNothingElse(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{
		"https://example.com/", "https://login.microsoftonline.com:444/", "https://xlogin.microsoftonline.com/",
		"https://login.microsoftonline.com.example/", "https://127.0.0.1:7443/", "https://169.254.169.254/", "https://[::1]/",
	} {
		if _, _, err := w.get(t, target, nil, nil); err == nil || err.Error() != "Forbidden" {
			t.Errorf("%s: %v", target, err)
		}
	}
	for _, target := range []string{
		"http://example.com/", "http://login.microsoftonline.com/", "http://127.0.0.1/", "http://169.254.169.254:81/", "http://[fd00:ec2::254]/",
	} {
		if code, body, err := w.get(t, target, nil, nil); err != nil || code != http.StatusForbidden || !strings.Contains(body, "reaches nothing else") {
			t.Errorf("%s: %d %q %v", target, code, body, err)
		}
	}
	// A name in the request line, another one inside.
	if code, body, err := w.raw(t, "GET / HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n"); err != nil || code != http.StatusForbidden {
		t.Errorf("a request to the proxy itself: %d %q %v", code, body, err)
	}
}

// raw sends bytes and reads one answer.
func (w *world) raw(t *testing.T, text string) (int, string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func TestProxyServesMetadata(t *testing.T) {
	w := newWorld(t)
	machine := url.UserPassword("myVM", "id.secret")
	for name, test := range map[string]struct {
		target  string
		user    *url.Userinfo
		headers http.Header
		want    string
	}{
		"the password is the machine's secret": {
			"http://169.254.169.254/metadata/identity/oauth2/token?resource=https%3A%2F%2Fx", machine, nil,
			`metadata: GET /metadata/identity/oauth2/token?resource=https%3A%2F%2Fx of 169.254.169.254 secret=["id.secret"] forwarded=[] proxy=[]`,
		},
		"without one nobody is named": {
			"http://169.254.169.254:80/metadata", nil, nil,
			`metadata: GET /metadata of 169.254.169.254 secret=[] forwarded=[] proxy=[]`,
		},
		"the endpoint sees who else was there, to refuse it": {
			"http://169.254.169.254//metadata/", machine,
			http.Header{"X-Forwarded-For": {"10.0.0.1"}, "X-Identity-Header": {"other"}},
			`metadata: GET //metadata/ of 169.254.169.254 secret=["id.secret"] forwarded=["10.0.0.1"] proxy=[]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, body, err := w.get(t, test.target, test.user, test.headers)
			if err != nil || code != http.StatusOK || body != test.want {
				t.Errorf("%d %v %s", code, err, cmp.Diff(test.want, body))
			}
		})
	}
}

// A client may send its greeting of TLS without waiting for the answer to CONNECT.
func TestProxyTakesEarlyBytes(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hasty := &hastyConn{Conn: conn, before: "CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: graph.microsoft.com:443\r\n\r\n"}
	client := tls.Client(hasty, &tls.Config{RootCAs: w.roots, ServerName: "graph.microsoft.com"})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// hastyConn sends something ahead of its first bytes, in one packet with them, and does
// not show the answer to it.
type hastyConn struct {
	net.Conn
	before  string
	skipped bool
}

func (c *hastyConn) Write(b []byte) (int, error) {
	n := len(c.before)
	both := append([]byte(c.before), b...)
	c.before = ""
	written, err := c.Conn.Write(both)
	return written - n, err
}

func (c *hastyConn) Read(b []byte) (int, error) {
	if !c.skipped {
		c.skipped = true
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func TestTunnelsAreGivenBack(t *testing.T) {
	w := newWorld(t)
	for range cap(w.proxy.slots) {
		w.proxy.slots <- struct{}{}
	}
	if _, _, err := w.get(t, "https://graph.microsoft.com/", nil, nil); err == nil || err.Error() != "Service Unavailable" {
		t.Fatalf("one tunnel too many: %v", err)
	}
	<-w.proxy.slots // one ends
	for range 3 {
		// Each waits for the one before to be closed.
		w.proxy.slots <- struct{}{}
		<-w.proxy.slots
		if _, body, err := w.get(t, "https://graph.microsoft.com/", nil, nil); err != nil {
			t.Fatalf("%v %s", err, body)
		}
	}
}

// More tunnels than there is room for, and more connections to the proxy itself, none of
// which their clients close: each is served at once.
func TestIdleTunnelsMakeRoom(t *testing.T) {
	w := newWorldOf(t, 2)
	for i := range 3 * (2 + onTheWay) {
		for _, target := range []string{"https://graph.microsoft.com/", "http://169.254.169.254/metadata/instance"} {
			transport := &http.Transport{
				Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: w.address}),
				TLSClientConfig: &tls.Config{RootCAs: w.roots},
			}
			defer transport.CloseIdleConnections()
			answer, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
			if err != nil {
				t.Fatalf("%d, %s: %v", i, target, err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
	}
}

func TestHandlersByHost(t *testing.T) {
	h := Handlers{Login: says("login"), Manager: says("manager"), Graph: says("graph"), Default: says("default")}
	for host, who := range map[string]string{
		"login.microsoftonline.com:443": "login", "MANAGEMENT.azure.com": "manager", "127.0.0.1:7443": "default", "[::1]:7443": "default", "": "default",
	} {
		w := recorder{}
		h.ServeHTTP(&w, &http.Request{Host: host})
		if !strings.HasPrefix(w.text.String(), who+":") {
			t.Errorf("%q: %s", host, w.text.String())
		}
	}
}

type recorder struct{ text strings.Builder }

func (r *recorder) Header() http.Header         { return http.Header{} }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return r.text.Write(b) }
