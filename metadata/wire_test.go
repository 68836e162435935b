package metadata_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/metadata"
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

// An answer of over 2 KiB, as with long names, has its length on the wire, too.
func TestLengthOfALongAnswer(t *testing.T) {
	w := newWorld(t)
	long := w.identity(strings.Repeat("i", 128))
	again := w.imds("msi_res_id", long.ResourceID, "resource", "api://"+strings.Repeat("r", 1000))
	again.query = strings.Replace(again.query, url.Values{"resource": {midas.Resource}}.Encode()+"&", "", 1)
	if status, size, text := onWire(t, w, again, "", 0); status != 200 || size <= 2048 {
		t.Errorf("status %d, %d bytes, %s", status, size, text)
	}
}

// Each dialect's clients read its own form alone.
func TestBodiesAreRefusedInTheFormOfTheDialect(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/msi/token":                      `"message":"The request has a body`,
		"/servicefabric/token":            `"code":"BadRequest","message":"The request has a body`,
		"/metadata/identity/oauth2/token": `"error_description":"The request has a body`,
	} {
		if status, _, text := onWire(t, w, w.get(path, ""), "x", 1); status != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: status %d, %s", path, status, text)
		}
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
	server := httptest.NewServer(w.endpoint)
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	w.must(err)
	t.Cleanup(func() { conn.Close() })
	w.must(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	r := w.imds()
	_, err = io.WriteString(conn, "GET "+r.path+"?"+r.query+" HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: true\r\nContent-Length: 9\r\n\r\n")
	w.must(err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusBadRequest || !res.Close {
		t.Errorf("%v, %+v", err, res)
	}
}

// A client that hangs up is no fault of ours, and no line in the log.
func TestClientsThatHangUpAreNotLogged(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.remake(func(c *metadata.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := w.imds()
	in := httptest.NewRequestWithContext(ctx, r.method, "http://169.254.169.254"+r.path+"?"+r.query, nil)
	in.Header = r.header
	w.endpoint.ServeHTTP(httptest.NewRecorder(), in)
	if out.Len() > 0 {
		t.Error(out.String())
	}
}
