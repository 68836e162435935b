package connections

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// Where content means nothing, a request with some is refused, over either protocol, and
// its handler does not run; one that only looks as if it had some is served.
func TestContentWhereNoneIsWanted(t *testing.T) {
	ran := 0
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(context.Background(), Config{Connections: 100, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		ran++
	})})
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	newer := server.Client().Transport.(*http.Transport)
	older := &http.Transport{TLSClientConfig: newer.TLSClientConfig.Clone()}
	older.TLSClientConfig.NextProtos = []string{"http/1.1"}
	defer older.CloseIdleConnections()
	empty := func() io.Reader { return iotest.OneByteReader(strings.NewReader("")) }
	some := func() io.Reader { return iotest.OneByteReader(strings.NewReader("{}")) }
	for name, c := range map[string]struct {
		methods string
		body    func() io.Reader
		want    int
	}{
		"none":                         {"GET HEAD DELETE OPTIONS POST", func() io.Reader { return nil }, http.StatusOK},
		"of length 0":                  {"GET HEAD DELETE OPTIONS POST", func() io.Reader { return bytes.NewReader(nil) }, http.StatusOK},
		"of unknown length, and empty": {"GET HEAD DELETE OPTIONS POST", empty, http.StatusOK},
		"some":                         {"GET HEAD DELETE OPTIONS", func() io.Reader { return strings.NewReader("{}") }, http.StatusBadRequest},
		"of unknown length":            {"GET HEAD DELETE OPTIONS", some, http.StatusBadRequest},
		"some of a POST":               {"POST PUT PATCH", func() io.Reader { return strings.NewReader("{}") }, http.StatusOK},
		"of unknown length of a POST":  {"POST PUT PATCH", some, http.StatusOK},
	} {
		for protocol, transport := range map[string]*http.Transport{"HTTP/1.1": older, "HTTP/2.0": newer} {
			for method := range strings.FieldsSeq(c.methods) {
				t.Run(protocol+" "+method+" "+name, func(t *testing.T) {
					ran = 0
					r, err := http.NewRequestWithContext(t.Context(), method, server.URL, c.body())
					if err != nil {
						t.Fatal(err)
					}
					answer, err := transport.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					answer.Body.Close()
					if answer.StatusCode != c.want || answer.Proto != protocol || (ran > 0) != (c.want == http.StatusOK) {
						t.Errorf("%s over %s, the handler ran %d times; want %d", answer.Status, answer.Proto, ran, c.want)
					}
				})
			}
		}
	}
}
