package armclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/rest"
)

// transport sends requests. It remembers the last failure to reach the server,
// which the sign-in library above it would reduce to words.
type transport struct {
	client *http.Client
	trace  io.Writer
	again  string // what to do when a sign-in was refused
	failed atomic.Pointer[error]
	// refused is the last refusal of a token endpoint, in its own words. The library for
	// people's sign-ins buries it.
	refused atomic.Pointer[string]
}

// CloseIdleConnections completes the client of the library for people's sign-ins.
func (t *transport) CloseIdleConnections() { t.client.CloseIdleConnections() }

// note keeps the words of a refusal by a token endpoint.
func (t *transport) note(response *http.Response) {
	if response.StatusCode < 400 || response.Request == nil || !strings.Contains(response.Request.URL.Path, "/oauth2/") {
		return
	}
	raw, _ := io.ReadAll(response.Body) // which take has in memory
	response.Body = io.NopCloser(bytes.NewReader(raw))
	words := oauthError(response)
	response.Body = io.NopCloser(bytes.NewReader(raw))
	t.refused.Store(&words)
}

// errUnusable marks an answer that arrived and cannot be used.
var errUnusable = errors.New("the answer cannot be used")

// take reads the whole answer, within bounds that hold for everything that decodes it.
func take(response *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	response.Body.Close()
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(raw))
	if err = rest.CheckNesting(raw); len(raw) > maxAnswer {
		err = fmt.Errorf("it has more than %d bytes", maxAnswer)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", response.Request.Method, response.Request.URL.Redacted(), errUnusable, err)
	}
	return nil
}

// Do sends one request; it is the policy.Transporter of the pipelines.
func (t *transport) Do(request *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := t.client.Do(request)
	if err != nil {
		t.failed.Store(&err)
		return nil, err
	}
	if err := take(response); err != nil {
		t.failed.Store(&err)
		return nil, err
	}
	t.note(response)
	if t.trace != nil {
		fmt.Fprintf(t.trace, "%s %s %d %s\n", output.Printable(request.Method), output.Printable(request.URL.Redacted()), response.StatusCode,
			time.Since(start).Round(time.Millisecond))
	}
	return response, nil
}

// explain turns a failure before any answer into one for people.
func (t *transport) explain(ctx context.Context, base string, err error) error {
	if ctx.Err() != nil {
		return midas.Errorf(midas.Unavailable, "%w", ctx.Err())
	}
	if failed := t.failed.Load(); failed != nil && errors.Is(*failed, errUnusable) {
		return midas.Errorf(midas.Unavailable, "%s: %w", base, *failed)
	} else if failed != nil {
		return midas.Errorf(midas.Unavailable, "no midas answers at %s: %w", base, *failed).
			WithHint("start one with: midas up")
	}
	if refused := t.refused.Load(); refused != nil {
		return midas.Errorf(midas.Unauthenticated, "sign-in at %s was refused: %s", base, *refused).WithHint("%s", t.again)
	}
	var identity *azidentity.AuthenticationFailedError
	if errors.As(err, &identity) || strings.Contains(err.Error(), "ManagedIdentityCredential") {
		return midas.Errorf(midas.Unauthenticated, "no token of a managed identity could be got: %w", err).WithHint("run it on a machine that has one: midas vm run NAME -- midas …")
	}
	return midas.Errorf(midas.Internal, "request to %s: %w", base, err)
}

// oauthError returns the reason in a refusal of a token endpoint.
func oauthError(response *http.Response) string {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if json.Unmarshal(raw, &body) != nil || body.Error == "" {
		return response.Status
	}
	if body.Description == "" {
		return body.Error
	}
	return body.Description
}

// armError turns ARM's error envelope into an error with its code and message.
func armError(response *http.Response) error {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if json.Unmarshal(raw, &body) != nil || body.Error.Message == "" {
		return midas.Errorf(codeOfStatus(response.StatusCode), "%s %s answered %s",
			response.Request.Method, response.Request.URL.Path, response.Status)
	}
	return midas.Errorf(codeOfStatus(response.StatusCode), "(%s) %s", body.Error.Code, body.Error.Message)
}

// codeOfStatus classifies an HTTP status.
func codeOfStatus(status int) midas.Code {
	switch status {
	case http.StatusUnauthorized:
		return midas.Unauthenticated
	case http.StatusForbidden:
		return midas.Forbidden
	case http.StatusNotFound:
		return midas.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return midas.Conflict
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return midas.Unavailable
	}
	if status >= 400 && status < 500 {
		return midas.Invalid
	}
	return midas.Internal
}
