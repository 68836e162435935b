package metadata_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// onWire sends r over a socket, with body as it stands, and returns what came back.
func onWire(t *testing.T, w *world, r request, body string, length int64) (status, size int, text string) {
	t.Helper()
	server := httptest.NewServer(w.endpoint)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), r.method, server.URL+r.path+"?"+r.query, strings.NewReader(body))
	w.must(err)
	req.Header, req.ContentLength = r.header.Clone(), length
	res, err := server.Client().Do(req)
	w.must(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	w.must(err)
	declared, err := strconv.Atoi(res.Header.Get("Content-Length"))
	if err != nil || declared != len(raw) {
		t.Errorf("Content-Length %q, and %d bytes", res.Header.Get("Content-Length"), len(raw))
	}
	return res.StatusCode, declared, string(raw)
}

// The length of some of Azure's answers is known from recordings; ours have it on the
// wire, where a line end would count.
func TestLengthsAreAzures(t *testing.T) {
	w := newWorld(t)
	if status, size, text := onWire(t, w, w.imds(), "", 0); status != 400 || size != 68 {
		t.Errorf("without an identity: status %d, %d bytes, %q", status, size, text)
	}
	bare := w.imds()
	bare.header = nil
	if status, size, text := onWire(t, w, bare, "", 0); status != 400 || size != 88 {
		t.Errorf("without the header: status %d, %d bytes, %q", status, size, text)
	}
	w.identity("one")
	w.identity("two")
	if status, size, text := onWire(t, w, w.imds(), "", 0); status != 400 || size != 168 {
		t.Errorf("with two identities: status %d, %d bytes, %q", status, size, text)
	}
}

// A GET has no body: one that comes all the same is refused for its announcement, and
// not read.
func TestGetWithABodyIsRefused(t *testing.T) {
	w := newWorld(t)
	w.system()
	for name, r := range map[string]request{
		"IMDS":        w.imds(),
		"App Service": w.appService(),
		"instance":    w.get("/metadata/instance", "api-version=2021-02-01"),
	} {
		for _, length := range []int64{1, -1} { // announced, and in chunks
			status, _, text := onWire(t, w, r, "x", length)
			if status != 400 || !strings.Contains(text, "has a body") || strings.Contains(text, "access_token") {
				t.Errorf("%s, length %d: status %d, %s", name, length, status, text)
			}
		}
		if status, _, text := onWire(t, w, r, "", 0); status != 200 {
			t.Errorf("%s without a body: status %d, %s", name, status, text)
		}
	}
}

// The answer comes before the body, of which no byte needs to be there.
func TestBodyOfAGetIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.identity("myManagedIdentity")
	server := httptest.NewServer(w.endpoint)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	w.must(err)
	defer conn.Close()
	w.must(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	r := w.imds()
	_, err = io.WriteString(conn, "GET "+r.path+"?"+r.query+" HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: true\r\n"+
		"X-IDENTITY-HEADER: "+secretOf(w.vm.VMID)+"\r\nContent-Length: 4500000\r\n\r\n")
	w.must(err)
	raw, err := io.ReadAll(conn) // until the server hangs up
	if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 400 ") || !strings.Contains(string(raw), "Connection: close\r\n") {
		t.Errorf("%v, %q", err, raw)
	}
}
