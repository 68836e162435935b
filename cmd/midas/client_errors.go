package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

// armTransport sends requests. It remembers the last failure to reach the server,
// which the sign-in library above it would reduce to words.
type armTransport struct {
	client *http.Client
	trace  io.Writer
	failed atomic.Pointer[error]
}

// Do sends one request; it is the policy.Transporter of the pipelines.
func (t *armTransport) Do(request *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := t.client.Do(request)
	if err != nil {
		t.failed.Store(&err)
		return nil, err
	}
	if t.trace != nil {
		fmt.Fprintf(t.trace, "%s %s %d %s\n", request.Method, request.URL.Redacted(), response.StatusCode,
			time.Since(start).Round(time.Millisecond))
	}
	return response, nil
}

// explain turns a failure before any answer into one for people.
func (t *armTransport) explain(ctx context.Context, base string, err error) error {
	if ctx.Err() != nil {
		return midas.Errorf(midas.Unavailable, "%w", ctx.Err())
	}
	if failed := t.failed.Load(); failed != nil {
		return midas.Errorf(midas.Unavailable, "no midas answers at %s: %w", base, *failed).
			WithHint("start one with: midas up")
	}
	var refused *azidentity.AuthenticationFailedError
	if errors.As(err, &refused) && refused.RawResponse != nil {
		return midas.Errorf(midas.Unauthenticated, "sign-in at %s was refused: %s", base, oauthError(refused.RawResponse)).
			WithHint("start midas again: midas up writes a fresh operator")
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
