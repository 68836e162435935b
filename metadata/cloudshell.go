package metadata

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
)

// maxForm bounds the body of a request: a resource and what belongs to it.
const maxForm = 16 << 10

// codedError is the body of a refusal of Cloud Shell and of Service Fabric.
type codedError struct {
	Error struct {
		Code          string `json:"code"`
		Message       string `json:"message"`
		CorrelationID string `json:"correlationId,omitempty"`
	} `json:"error"`
}

// cloudShell is POST $MSI_ENDPOINT with a form. Its body may come without a length: one
// SDK sends it in chunks. There are no user-assigned identities in Cloud Shell.
var cloudShell = dialect{
	secretHeader: identityHeader,
	parse:        parseCloudShell,
	choose:       chooseCloudShell,
	answer:       imdsGrant,
	refuse:       cloudShellRefusal,
}

func parseCloudShell(r *http.Request) (query, *failure) {
	if r.Method != http.MethodPost {
		return query{}, badMethod(http.MethodPost)
	}
	if f := forwarded(r); f != nil {
		return query{}, f
	}
	if given := r.Header.Values("Metadata"); len(given) != 1 || given[0] != "true" {
		return query{}, badRequest("Required metadata header not specified")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return query{}, badRequest("The body must be of the type application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return query{}, &failure{status: http.StatusRequestEntityTooLarge, reason: reasonRequest, text: "The body is too large.", header: http.Header{"Connection": {"close"}}}
	case errors.Is(err, connections.ErrBusy):
		return query{}, &failure{status: http.StatusServiceUnavailable, reason: reasonThrottled, text: "The service is busy. Please try again.", header: http.Header{"Retry-After": {"1"}}}
	case err != nil:
		return query{}, badRequest("The body cannot be read.")
	}
	q, err := plainGrammar.parse(string(body))
	switch {
	case err != nil:
		return q, badRequest("Bad request: " + err.Error() + ".")
	case q.resource == "":
		return q, &failure{status: http.StatusBadRequest, reason: reasonAudience}
	}
	return q, nil
}

func chooseCloudShell(w midas.Workload, s selector) (midas.Identity, *failure) {
	switch {
	case s.by != "":
		return midas.Identity{}, noIdentity("Cloud Shell has no user-assigned identities: leave " + s.by + " out.")
	case w.System == nil:
		return midas.Identity{}, noIdentity("The machine has no system-assigned identity, and Cloud Shell knows no other.")
	}
	return *w.System, nil
}

func cloudShellRefusal(f *failure) any {
	var out codedError
	out.Error.Code, out.Error.Message = "BadRequest", f.text
	switch f.reason {
	case reasonAudience:
		out.Error.Code = "AudienceNotSupported"
		out.Error.Message = "Audience '" + clip.Text(f.text) + "' is not a supported MSI token audience."
	case reasonIdentity:
		out.Error.Code = "IdentityNotFound"
	case reasonMethod:
		out.Error.Code = "MethodNotAllowed"
	case reasonSource:
		out.Error.Code, out.Error.Message = "Unauthorized", "Unknown Source: "+f.text+"."
	case reasonThrottled:
		out.Error.Code = "TooManyRequests"
	case reasonNotFound:
		out.Error.Code = "NotFound"
	case reasonInternal:
		out.Error.Code, out.Error.Message = "InternalServerError", "The token could not be retrieved. For details see the log of midas."
	}
	return out
}
