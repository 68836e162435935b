package metadata_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What comes over a socket and is no request of a client library: each is answered and
// changes nothing, and the next client is served.
func TestBadInputOverASocket(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	w.must(err)
	server := &http.Server{Handler: w.endpoint, MaxHeaderBytes: 64 << 10}
	go server.Serve(ln)
	defer server.Close()
	r := w.imds()
	const metadata = "Host: 127.0.0.1\r\nMetadata: true\r\n"
	secret := "X-IDENTITY-HEADER: " + secretOf(w.vm.VMID) + "\r\n"
	shell := w.cloudShell().path
	for name, c := range map[string]struct {
		send   string
		status int
	}{
		"good":                 {"GET " + r.path + "?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 200},
		"upwards":              {"GET /x/../" + r.path + "?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 400},
		"upwards, escaped":     {"GET /x/%2e%2e" + r.path + "?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 400},
		"an escaped slash":     {"GET /metadata%2fidentity/oauth2/token?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 400},
		"a huge header":        {"GET " + r.path + " HTTP/1.1\r\n" + metadata + "X: " + strings.Repeat("x", 128<<10) + "\r\n\r\n", 431},
		"a huge path":          {"GET /" + strings.Repeat("x", 8<<10) + " HTTP/1.1\r\n" + metadata + "\r\n", 400},
		"a huge body":          {"POST " + shell + " HTTP/1.1\r\n" + metadata + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000000), 413},
		"a huge chunked body":  {"POST " + shell + " HTTP/1.1\r\n" + metadata + "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n" + "fffff\r\n" + strings.Repeat("x", 0xfffff) + "\r\n0\r\n\r\n", 413},
		"a body that ends":     {"POST " + shell + " HTTP/1.1\r\n" + metadata + "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n", 400},
		"two lengths":          {"POST " + shell + " HTTP/1.1\r\n" + metadata + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400},
		"another protocol":     {"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400},
		"a whole address":      {"GET http://169.254.169.254" + r.path + "?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 200},
		"a folded header":      {"GET " + r.path + "?" + r.query + " HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: false\r\n true\r\n" + secret + "\r\n", 400},
		"a method of its own":  {"TOKEN " + r.path + "?" + r.query + " HTTP/1.1\r\n" + metadata + secret + "\r\n", 405},
		"a header in the path": {"GET " + r.path + "?" + r.query + " Metadata:true HTTP/1.1\r\nHost: x\r\n" + secret + "\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp4", ln.Addr().String())
			w.must(err)
			defer conn.Close()
			go io.WriteString(conn, c.send) // the server may hang up in the middle
			line, err := bufio.NewReader(conn).ReadString('\n')
			if want := fmt.Sprintf("HTTP/1.1 %d ", c.status); err != nil || !strings.HasPrefix(line, want) {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}
