package metadata

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/midas-mysql/midas"
)

// reason says why there is no answer; each dialect has its own words for it.
type reason int

const (
	reasonRequest   reason = iota // the request is wrong as it stands
	reasonMethod                  // another HTTP method is wanted
	reasonVersion                 // no such api-version
	reasonSecret                  // a header with a secret is missing
	reasonSource                  // the caller is no known machine
	reasonAudience                // no application has that resource
	reasonIdentity                // no identity can be chosen
	reasonThrottled               // too many requests
	reasonNotFound                // no such path, or not now
	reasonInternal                // ours to mend
)

// failure is a refusal before a dialect has put it into its own shape.
type failure struct {
	status int
	reason reason
	text   string // for the caller
	err    error  // for the log
	header http.Header
	raw    *rawBody // a body that is no dialect's, for a fault
	silent bool     // no body at all
}

type rawBody struct{ contentType, text string }

func (f *failure) Error() string { return f.text }

func badRequest(text string) *failure {
	return &failure{status: http.StatusBadRequest, reason: reasonRequest, text: text}
}

func badMethod(allowed string) *failure {
	return &failure{
		status: http.StatusMethodNotAllowed, reason: reasonMethod, text: "Only " + allowed + " is supported.",
		header: http.Header{"Allow": {allowed}},
	}
}

func internal(err error) *failure {
	return &failure{status: http.StatusInternalServerError, reason: reasonInternal, err: err}
}

// throttled is what a machine gets that asks too often.
// Source: answer of Azure's IMDS, as users reported it.
func throttled() *failure {
	return &failure{
		status: http.StatusTooManyRequests, reason: reasonThrottled,
		text: "Temporarily throttled, too many requests",
	}
}

// refuse sends f in the dialect's shape, and tells the log what the caller is not told.
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, f *failure, shape func(*failure) any) {
	switch f.reason {
	case reasonSource:
		e.refusals.Warn(r.RemoteAddr, "metadata request of an unknown source", "remote", r.RemoteAddr, "reason", f.text)
	case reasonInternal:
		if f.err != nil && r.Context().Err() == nil { // else the client has gone, which is no fault here
			e.refusals.Error(r.RemoteAddr, "metadata request failed", "remote", r.RemoteAddr, "error", f.err, midas.HintAttr(f.err))
		}
	}
	for name, values := range f.header {
		w.Header()[name] = values
	}
	switch {
	case f.raw != nil:
		w.Header().Set("Content-Type", f.raw.contentType)
		w.WriteHeader(f.status)
		_, _ = w.Write([]byte(f.raw.text))
	case f.silent:
		w.WriteHeader(f.status)
	default:
		write(w, f.status, shape(f))
	}
}

// write sends one JSON object, without a line end: Azure sends none, and the length of
// its answers is known. It is said: net/http sends what is over 2 KiB in chunks otherwise.
func write(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // our own types, which can all be written
	sized(w, status, "application/json; charset=utf-8", bytes.TrimSuffix(text.Bytes(), []byte("\n")))
}

func sized(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client is gone
}
