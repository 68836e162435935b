// Package armclient is the client of a control endpoint: it signs the command line in, sends
// requests to the APIs that az uses, ARM and Microsoft Graph, and turns their refusals into
// errors for people.
//
// It owns who the command line is signed in as, and how resources are named in paths. It
// links no server, never prints an answer, and sends a token to no address but that of the
// endpoint which it was issued for.
package armclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// Audience is the resource that our tokens name when they mean ARM: Azure's own
// word for it, which every ARM API takes.
const Audience = "https://management.azure.com"

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Config says where an ARM API is, and as which principal to sign in there.
type Config struct {
	Control  string // https URL of the control endpoint
	CA       string // path of the authority to trust, PEM; "" for the system's
	Operator statedir.Operator
	Login    *Login    // the principal, when it is not Operator
	State    string    // where Login is kept
	Trace    io.Writer // one line per request, nil for none
}

// Client speaks to the ARM API as an operator. Its errors are *midas.Error with
// the server's own code and message.
type Client struct {
	base     string
	Operator statedir.Operator
	login    *Login // the principal, when it is not Operator
	pipeline runtime.Pipeline
	wire     *transport
}

// New prepares a client; the first request signs it in.
func New(cfg Config) (*Client, error) {
	wire, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(cfg.Control, "/")
	options := wire.options(base)
	credential, err := newCredential(cfg, wire)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "sign in at %s: %w", base, err).WithHint("%s", midas.HintOf(err))
	}
	return &Client{
		base:     base,
		Operator: cfg.Operator,
		login:    cfg.Login,
		wire:     wire,
		pipeline: runtime.NewPipeline("midas", "v1", runtime.PipelineOptions{
			PerRetry: []policy.Policy{newTokenPolicy(credential)},
		}, &options),
	}, nil
}

// options are those of everything that speaks to the control endpoint.
func (t *transport) options(control string) policy.ClientOptions {
	return policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: strings.TrimRight(control, "/") + "/"},
		Transport: t,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // a local server that does not answer will not answer soon
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

// NotRunning keeps a missing state from looking like a missing resource: scripts
// read exit code 3 as the answer of a server.
func NotRunning(err error) error {
	if midas.CodeOf(err) != midas.NotFound {
		return err
	}
	return midas.Errorf(midas.Unavailable, "%w", err).WithHint("%s", midas.HintOf(err))
}

// Do sends one request to an ARM path and returns the decoded answer, nil when it has no body. Where
// the server says that the work goes on, it waits for the end.
func (a *Client) Do(ctx context.Context, method, path string, body any) (any, error) {
	request, err := a.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	response, err := a.pipeline.Do(request)
	if err != nil {
		return nil, a.wire.explain(ctx, a.base, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return nil, armError(response)
	}
	if method != http.MethodGet && goesOn(response) {
		return a.wait(ctx, response)
	}
	var answer any
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, a.wire.explain(ctx, a.base, err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, midas.Errorf(midas.Internal, "%s %s: the answer is not JSON: %w", method, path, err)
	}
	return answer, nil
}

// Exchange sends one request about what lies below the operator's subscription ("/resourceGroups/g"
// and on, already escaped) and decodes the answer into into, unless that is nil.
func (a *Client) Exchange(ctx context.Context, method, path string, body, into any) error {
	answer, err := a.Do(ctx, method, "/subscriptions/"+a.Operator.SubscriptionID+path+"?api-version="+GroupAPI, body)
	if err != nil || into == nil {
		return err
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return midas.Errorf(midas.Internal, "%s %s: %w", method, path, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return midas.Errorf(midas.Internal, "%s %s: unexpected answer: %w", method, path, err)
	}
	return nil
}

// URL is the address of a path.
func (a *Client) URL(path string) string { return a.base + path }

// OwnSubscription is the ARM id of the subscription that commands are about.
func (a *Client) OwnSubscription() (string, error) {
	if a.Operator.SubscriptionID == "" && a.login != nil {
		return "", a.login.seesNoSubscription()
	}
	return "/subscriptions/" + a.Operator.SubscriptionID, nil
}

func (a *Client) request(ctx context.Context, method, path string, body any) (*policy.Request, error) {
	if a.login != nil && strings.HasPrefix(path, "/subscriptions//") {
		return nil, a.login.seesNoSubscription()
	}
	target := path
	if !strings.HasPrefix(path, a.base+"/") {
		target = a.base + path
	}
	request, err := runtime.NewRequest(ctx, method, target)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "request %s: %w", path, err)
	}
	request.Raw().Header.Set("Accept", "application/json")
	if body == nil {
		return request, nil
	}
	if err := runtime.MarshalAsJSON(request, body); err != nil {
		return nil, midas.Errorf(midas.Internal, "request %s: %w", path, err)
	}
	return request, nil
}

// goesOn reports whether an answer announces a long-running operation.
func goesOn(response *http.Response) bool {
	return response.Header.Get("Azure-AsyncOperation") != "" || response.StatusCode == http.StatusAccepted
}

func (a *Client) wait(ctx context.Context, response *http.Response) (any, error) {
	poller, err := runtime.NewPoller[any](response, a.pipeline, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "long-running operation: %w", err)
	}
	answer, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Second})
	if err == nil {
		return answer, nil
	}
	var refused *azcore.ResponseError
	if errors.As(err, &refused) && refused.RawResponse != nil {
		return nil, armError(refused.RawResponse)
	}
	return nil, a.wire.explain(ctx, a.base, err)
}

// List returns every element of a collection, page by page. A next page elsewhere
// than at our own server is refused: it would be handed our token.
func (a *Client) List(ctx context.Context, path string) ([]any, error) {
	return a.ListBy(ctx, http.MethodGet, path)
}

// ListBy is list for a collection that another method than GET asks for.
func (a *Client) ListBy(ctx context.Context, method, path string) ([]any, error) {
	all := []any{}
	for path != "" {
		answer, err := a.Do(ctx, method, path, nil)
		if err != nil {
			return nil, err
		}
		page, _ := answer.(map[string]any)
		elements, _ := page["value"].([]any)
		all = append(all, elements...)
		if path, _ = page["nextLink"].(string); path == "" {
			path, _ = page["@odata.nextLink"].(string)
		}
		if path != "" && !strings.HasPrefix(path, a.base+"/") {
			return nil, midas.Errorf(midas.Internal, "the list goes on at a foreign address %q", path)
		}
	}
	return all, nil
}

// TransportTo trusts the authority in the file ca alone, the system's when it is "", and
// returns the URL of the control endpoint with it.
func TransportTo(address, ca string) (*url.URL, *http.Transport, error) {
	control, err := url.Parse(address)
	if err != nil || control.Scheme != "https" || control.Host == "" {
		return nil, nil, midas.Errorf(midas.Invalid, "control endpoint %q is not an https URL", address)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if ca != "" {
		raw, err := os.ReadFile(ca)
		if err != nil {
			return nil, nil, midas.Errorf(midas.Unavailable, "certificate authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(raw) {
			return nil, nil, midas.Errorf(midas.Invalid, "certificate authority %s: no PEM certificate", ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return control, transport, nil
}

// newTransport follows no redirect, since each request carries the operator's token.
func newTransport(cfg Config) (*transport, error) {
	_, through, err := TransportTo(cfg.Control, cfg.CA)
	if err != nil {
		return nil, err
	}
	again := "start midas again: midas up writes a fresh operator"
	if cfg.Login != nil {
		again = "sign in again: midas login"
	}
	return &transport{trace: cfg.Trace, again: again, client: &http.Client{
		Transport: through,
		Timeout:   time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}, nil
}
