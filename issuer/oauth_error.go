package issuer

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

// oauthError is a refusal of the token endpoint, numbered as Entra numbers them.
// Source: Microsoft Entra authentication and authorization error codes.
type oauthError struct {
	status int
	code   string // "error" of RFC 6749
	number int    // of AADSTS
	text   string
}

// serverError says no more than that it is not the client's fault.
var serverError = oauthError{
	status: http.StatusInternalServerError, code: "server_error", number: 90033,
	text: "A transient error has occurred. Please try again.",
}

// busy asks to try again.
var busy = oauthError{
	status: http.StatusServiceUnavailable, code: "temporarily_unavailable", number: 90033,
	text: "The service is temporarily unavailable. Please try again.",
}

// fault writes what went wrong here. A client that has gone ends what was done for it,
// which is no fault: it would fill the log. So would one that asks again and again.
func (i *Issuer) fault(r *http.Request, message string, args ...any) {
	if r.Context().Err() == nil {
		i.refusals.Error(addressOf(r), message, args...)
	}
}

func badRequest(number int, text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_request", number: number, text: text}
}

func invalidClient(number int, text string) *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", number: number, text: text}
}

func invalidGrant(number int, text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_grant", number: number, text: text}
}

func missing(parameter string) *oauthError {
	return badRequest(900144, fmt.Sprintf("The request body must contain the following parameter: '%s'.", parameter))
}

// refuse answers with an error. The description holds the whole story, because that is
// the part which every client library shows.
func (i *Issuer) refuse(w http.ResponseWriter, r *http.Request, e oauthError) {
	trace := uuid.NewString()
	correlation := trace
	if id, err := uuid.Parse(r.Header.Get("client-request-id")); err == nil {
		correlation = id.String()
	}
	timestamp := i.now().UTC().Format("2006-01-02 15:04:05Z")
	noStore(w)
	if e.status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
		w.Header().Set("WWW-Authenticate", "Basic") // RFC 6749 section 5.2
	}
	answer(w, e.status, map[string]any{
		"error": e.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			e.number, e.text, trace, correlation, timestamp),
		"error_codes":    []int{e.number},
		"timestamp":      timestamp,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      "https://login.microsoftonline.com/error?code=" + strconv.Itoa(e.number), // Entra's page has the number's story
	})
}

// noStore keeps tokens, and refusals that may be mended, out of every cache.
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
}
