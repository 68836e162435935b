package connections

import (
	"io"
	"net/http"
)

// countedBody is content that is counted as it comes.
type countedBody struct {
	io.ReadCloser
	holding *holding
}

func (b *countedBody) Read(p []byte) (int, error) {
	over := b.holding.awaiting(b.holding.control.SetReadDeadline)
	n, err := b.ReadCloser.Read(p)
	over()
	if !b.holding.take(int64(n)) {
		return 0, ErrBusy
	}
	return n, err
}

// countedWriter says when the port waits for a client to take its answer. It holds nothing
// back: what else a ResponseWriter can do is found through Unwrap.
//
// A request that is no longer counted, since there is no room for it, is answered over HTTP/2
// without content: clients decide when they take that, and would have the request stay.
type countedWriter struct {
	http.ResponseWriter
	holding *holding
	streams bool // the protocol is HTTP/2
}

func (w *countedWriter) WriteHeader(status int) {
	if w.streams && !w.holding.counted() {
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(p []byte) (int, error) {
	defer w.holding.awaiting(w.holding.control.SetWriteDeadline)()
	if w.streams && !w.holding.counted() {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
