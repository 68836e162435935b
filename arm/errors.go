package arm

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/rest"
)

// armError is an error with ARM's code for it.
type armError struct {
	status  int
	code    string
	message string
	close   bool // the connection is of no more use
}

func (f *armError) Error() string { return f.message }

// envelope is the body of every error.
// Source: Microsoft, "Common API response for errors" (ErrorResponse).
func (f *armError) envelope() object {
	return object{"error": object{"code": f.code, "message": f.message}}
}

var (
	errMissingVersion = &armError{
		status: http.StatusBadRequest, code: "MissingApiVersionParameter",
		message: "The api-version query parameter (?api-version=) is required for all requests.",
	}
	errNoToken = &armError{
		status: http.StatusUnauthorized, code: "AuthenticationFailed",
		message: "Authentication failed. The 'Authorization' header is missing.",
	}
	errLongPath = &armError{
		status: http.StatusRequestURITooLong, code: "RequestUriTooLong",
		message: fmt.Sprintf("The path of the request exceeds the maximum size of %d bytes.", maxPath),
	}
	errTooLarge = &armError{
		status: http.StatusRequestEntityTooLarge, code: "RequestContentTooLarge",
		message: fmt.Sprintf("The request content size exceeds the maximum size of %d bytes.", maxBody), close: true,
	}
)

func errToken(reason string) *armError {
	return &armError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: reason}
}

func errForbidden(p midas.Principal, action, scope string) *armError {
	return &armError{status: http.StatusForbidden, code: "AuthorizationFailed", message: fmt.Sprintf(
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. "+
			"If access was recently granted, please refresh your credentials.", p.ClientID, p.ObjectID, action, scope)}
}

func errSubscription(id string) *armError {
	return &armError{status: http.StatusNotFound, code: "SubscriptionNotFound", message: fmt.Sprintf("The subscription '%s' could not be found.", id)}
}

func errMethod(method string) *armError {
	return &armError{status: http.StatusMethodNotAllowed, code: "MethodNotAllowed", message: fmt.Sprintf("The requested resource does not support http method '%s'.", method)}
}

func errContent(why string) *armError {
	return &armError{status: http.StatusBadRequest, code: "InvalidRequestContent", message: "The request content was invalid and could not be deserialized: '" + why + "'."}
}

// errNoRoute says as exactly as ARM what of the path is unknown.
func errNoRoute(segments []string, version string) *armError {
	for i, segment := range segments {
		if !strings.EqualFold(segment, "providers") || i+1 == len(segments) {
			continue
		}
		namespace := segments[i+1]
		for _, known := range []string{identityType, machineType, serverType, groupType, roleAssignmentType, networkNamespace + "/"} {
			if strings.EqualFold(namespace, known[:strings.IndexByte(known, '/')]) {
				return &armError{status: http.StatusNotFound, code: "InvalidResourceType", message: fmt.Sprintf(
					"The resource type could not be found in the namespace '%s' for api version '%s'.", namespace, version)}
			}
		}
		return &armError{status: http.StatusNotFound, code: "InvalidResourceNamespace", message: fmt.Sprintf("The resource namespace '%s' is invalid.", namespace)}
	}
	return &armError{status: http.StatusNotFound, code: "MissingSubscription", message: "The request did not have a subscription or a valid tenant level resource provider."}
}

// reasons are the causes for which ARM has a code of their own.
var reasons = map[error]armError{
	directory.ErrNoGroup:           {status: http.StatusNotFound, code: "ResourceGroupNotFound"},
	directory.ErrNoIdentityIDs:     {status: http.StatusBadRequest, code: "MissingIdentityIds"},
	directory.ErrNoIdentity:        {status: http.StatusBadRequest, code: "FailedIdentityOperation"},
	directory.ErrNoRole:            {status: http.StatusNotFound, code: "RoleDefinitionDoesNotExist"},
	directory.ErrNoPrincipal:       {status: http.StatusBadRequest, code: "PrincipalNotFound"},
	directory.ErrPrincipalType:     {status: http.StatusBadRequest, code: "UnmatchedPrincipalType"},
	directory.ErrAssignmentExists:  {status: http.StatusConflict, code: "RoleAssignmentExists"},
	directory.ErrAssignmentFixed:   {status: http.StatusBadRequest, code: "RoleAssignmentUpdateNotPermitted"},
	directory.ErrLastAdministrator: {status: http.StatusConflict, code: "CannotDeleteLastRbacAdminAssignment"},
	directory.ErrLocked:            {status: http.StatusConflict, code: "ScopeLocked"},
	directory.ErrNoLock:            {status: http.StatusNotFound, code: "LockNotFound"},
	directory.ErrPrecondition:      {status: http.StatusPreconditionFailed, code: "PreconditionFailed"},
	directory.ErrTooLarge:          {status: http.StatusRequestEntityTooLarge, code: "RequestContentTooLarge"},
	directory.ErrNoAssignment:      {status: http.StatusNotFound, code: "RoleAssignmentNotFound"},
}

// armErrorOf is the one place where errors of the directory become ARM's.
func armErrorOf(err error) *armError {
	var f *armError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, rest.ErrCutShort), errors.Is(err, rest.ErrNested):
		return errContent(err.Error())
	}
	for cause, f := range reasons {
		if errors.Is(err, cause) {
			return &armError{status: f.status, code: f.code, message: err.Error()}
		}
	}
	switch midas.CodeOf(err) {
	case midas.Invalid:
		return &armError{status: http.StatusBadRequest, code: "InvalidParameter", message: err.Error()}
	case midas.NotFound:
		return &armError{status: http.StatusNotFound, code: "ResourceNotFound", message: err.Error()}
	case midas.Conflict:
		return &armError{status: http.StatusConflict, code: "Conflict", message: err.Error()}
	case midas.Unavailable:
		return &armError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The service is temporarily unavailable. Please retry."}
	}
	return &armError{status: http.StatusInternalServerError, code: "InternalServerError", message: "The server encountered an internal error. Its log tells more."}
}

// render turns an error into an answer. An error of status 500 and above goes to the log.
func (a *API) render(w http.ResponseWriter, c *call, err error) (ans answer, code string) {
	f := armErrorOf(err)
	if f.status >= http.StatusInternalServerError {
		a.refusals.Error(c.RemoteAddr, "request failed", "id", c.id, "error", err, midas.HintAttr(err))
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", a.challenge(f))
	}
	if f.close {
		w.Header().Set("Connection", "close")
	}
	return answer{status: f.status, body: f.envelope()}, f.code
}
