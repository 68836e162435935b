package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/connections"
)

// ErrCutShort: the connection ended before the request's content did.
var ErrCutShort = errors.New("the connection ended early")

// ReadBody takes the request's content, up to limit bytes. Errors are
// *http.MaxBytesError, after which the connection is of no more use, connections.ErrBusy
// when the port has no room for the rest, ErrCutShort, or ErrNested.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) && !errors.Is(err, connections.ErrBusy) {
		return nil, ErrCutShort
	}
	if err == nil {
		err = CheckNesting(body)
	}
	return body, err
}

// Origin is where the client of a request reaches this API, so that it goes on where it
// came from: at the public name of Azure that it used, one of names, or else at base. A
// Host that is none of these is not repeated, for it may be anybody's: a client that
// follows a link takes its token there.
func Origin(r *http.Request, base string, names ...string) string {
	if host := strings.ToLower(r.Host); slices.Contains(names, host) {
		return "https://" + host
	}
	return base
}

// BearerToken returns the token of the one Authorization header (RFC 6750, section
// 2.1). Without such a header present is false; with another one the token is "".
func BearerToken(r *http.Request) (raw string, present bool) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return "", false
	}
	scheme, raw, _ := strings.Cut(header[0], " ")
	if raw = strings.TrimSpace(raw); len(header) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return raw, true
}

// SendJSON writes an answer; a nil body is an empty one. What follows a broken
// connection is nobody's loss.
func SendJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, body any) {
	if body == nil || r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
