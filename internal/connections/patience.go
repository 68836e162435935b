package connections

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// bodyGrace is how long a body may still come that nobody reads: what has been sent before
// the connection is closed does not cost its sender the answer.
const bodyGrace = time.Second

// patient gives the rest of a request the time that whole requests have from when the
// handler asks for it. Without that, the server would wait for it before it answers, or
// before it closes: a stranger who announces a body and never sends it would hold the
// connection, whatever is said of the request.
func patient(next http.Handler, whole time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || r.ProtoMajor != 1 { // of HTTP/2 each stream ends by itself
			next.ServeHTTP(w, r)
			return
		}
		conn, end := http.NewResponseController(w), until(whole)
		wanted := &wantedBody{ReadCloser: r.Body, want: sync.OnceFunc(func() { _ = conn.SetReadDeadline(end) })}
		_ = conn.SetReadDeadline(time.Now().Add(bodyGrace)) // what cannot is no socket
		r = r.WithContext(r.Context())                      // the server looks at the body of its own
		r.Body = wanted
		next.ServeHTTP(w, r)
	})
}

// wantedBody says when it is first read.
type wantedBody struct {
	io.ReadCloser
	want func()
}

func (b *wantedBody) Read(p []byte) (int, error) {
	b.want()
	return b.ReadCloser.Read(p)
}
