package graph

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
)

// object is a JSON object.
type object = map[string]any

// fault is an error with Graph's code for it.
type fault struct {
	status  int
	code    string
	message string
	close   bool // the connection is of no more use
}

func (f *fault) Error() string { return f.message }

// envelope is the body of every error.
// Source: Microsoft Learn, "Microsoft Graph error responses and resource types".
func (f *fault) envelope(now time.Time, c *call) object {
	return object{"error": object{"code": f.code, "message": f.message, "innerError": object{
		"date": now.UTC().Format("2006-01-02T15:04:05"), "request-id": c.id, "client-request-id": c.clientID(),
	}}}
}

var (
	errNoToken = &fault{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token is empty."}
	errDenied  = &fault{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
	errMethod  = &fault{status: http.StatusMethodNotAllowed, code: "Request_BadRequest", message: "Specified HTTP method is not allowed for the request target."}
	errNotMe   = &fault{status: http.StatusBadRequest, code: "BadRequest", message: "/me request is only valid with delegated authentication flow."}
	errContent = &fault{
		status: http.StatusBadRequest, code: "BadRequest",
		message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
	}
	errTooLarge = &fault{
		status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge",
		message: fmt.Sprintf("The request exceeds the maximum size of %d bytes.", maxBody), close: true,
	}
)

func errToken(reason string) *fault {
	return &fault{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: reason}
}

func errBad(format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, code: "Request_BadRequest", message: fmt.Sprintf(format, args...)}
}

func errQuery(format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: fmt.Sprintf(format, args...)}
}

// errSegment says of the first segment that no route begins with or, failing that, of
// the last.
func errSegment(segments []string) *fault {
	name := ""
	if len(segments) > 0 {
		name = segments[len(segments)-1]
	}
	return &fault{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf("Resource not found for the segment '%s'.", clip.Text(name))}
}

// faultOf is the one place where errors of the directory become Graph's.
func faultOf(err error) *fault {
	var f *fault
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, rest.ErrCutShort), errors.Is(err, rest.ErrNested):
		return errContent
	case errors.Is(err, directory.ErrNoObject):
		return &fault{status: http.StatusNotFound, code: "Request_ResourceNotFound", message: err.Error()}
	}
	switch midas.CodeOf(err) {
	case midas.Invalid, midas.Conflict:
		// Graph has 400 for both: another object with the name, a member that is one.
		return errBad("%s", err)
	case midas.NotFound:
		return &fault{status: http.StatusNotFound, code: "Request_ResourceNotFound", message: err.Error()}
	case midas.Unavailable:
		return &fault{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The service is temporarily unavailable. Please retry."}
	}
	return &fault{status: http.StatusInternalServerError, code: "InternalServerError", message: "The server encountered an internal error. Its log tells more."}
}
