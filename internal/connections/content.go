package connections

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// hasNoContent are the methods whose requests mean nothing by content here
// (RFC 9110, sections 9.3.1, 9.3.2, 9.3.5, 9.3.7 and 9.3.8).
func hasNoContent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// contentless refuses content where it means nothing, before any of it is read: handlers of
// such requests are those that anybody reaches. Content of unknown length may turn out to be
// none, which some clients send; one byte of it is waited for, for a moment.
func contentless(next http.Handler, whole time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || !hasNoContent(r.Method) {
			next.ServeHTTP(w, r)
			return
		}
		conn := http.NewResponseController(w)
		_ = conn.SetReadDeadline(time.Now().Add(bodyGrace)) // what cannot is no socket
		if r.ContentLength < 0 {
			n, err := io.ReadFull(r.Body, make([]byte, 1))
			switch {
			case errors.Is(err, ErrBusy):
				refuseBusy(w)
				return
			case n == 0 && errors.Is(err, io.EOF):
				_ = conn.SetReadDeadline(until(whole))
				r = r.WithContext(r.Context())
				r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
				next.ServeHTTP(w, r)
				return
			case errors.Is(err, os.ErrDeadlineExceeded):
				closeAfter(w, r)
				http.Error(w, "The content that the request announces did not arrive.", http.StatusRequestTimeout)
				return
			}
		}
		closeAfter(w, r)
		http.Error(w, "A "+r.Method+" request takes no content here: send it without a body.", http.StatusBadRequest)
	})
}

// closeAfter has what follows the request not taken for another one. Over HTTP/2, where that
// cannot be, it would end the other requests of the connection.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// until is when what has that time from now on is late; the zero time for never.
func until(whole time.Duration) time.Time {
	if whole <= 0 {
		return time.Time{}
	}
	return time.Now().Add(whole)
}
