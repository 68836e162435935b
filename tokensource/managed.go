package tokensource

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/midas-mysql/midas"
)

// A metadata endpoint is on the machine or next to it: one that has not answered in this time is not
// there. The SDK itself asks for more than a minute, and then says only that time is up.
const (
	endpointDial   = 3 * time.Second
	endpointAnswer = 6 * time.Second
)

// ManagedIdentityConfig says which identity, and how its endpoint is reached.
type ManagedIdentityConfig struct {
	ClientID string // of a user-assigned identity; "" for the one that the endpoint chooses
	// Transport sends the requests; nil for one that gives an endpoint up which does not answer.
	Transport policy.Transporter
}

// ManagedIdentity is the credential of the managed identity of the machine: from the endpoint that
// the environment names, or else from that of a virtual machine, 169.254.169.254. Where there is
// none an error within ten seconds says which was asked and what happened.
func ManagedIdentity(cfg ManagedIdentityConfig) (azcore.TokenCredential, error) {
	if cfg.Transport == nil {
		direct := http.DefaultTransport.(*http.Transport).Clone()
		direct.Proxy = nil // the endpoint answers no proxy
		direct.DialContext = (&net.Dialer{Timeout: endpointDial}).DialContext
		direct.ResponseHeaderTimeout = endpointAnswer
		cfg.Transport = &http.Client{Transport: direct}
	}
	options := &azidentity.ManagedIdentityCredentialOptions{}
	options.Transport = endpoint{cfg.Transport}
	if cfg.ClientID != "" {
		options.ID = azidentity.ClientID(cfg.ClientID)
	}
	credential, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "managed identity: %w", err)
	}
	return credential, nil
}

// endpoint has the SDK ask once where nothing answers, and say where that was.
type endpoint struct{ policy.Transporter }

// Do implements policy.Transporter.
func (e endpoint) Do(r *http.Request) (*http.Response, error) {
	resp, err := e.Transporter.Do(r)
	if err != nil && r.Context().Err() == nil {
		return nil, &unanswered{r.URL.Scheme + "://" + r.URL.Host + r.URL.Path, err}
	}
	return resp, err
}

// unanswered is why no metadata endpoint gave an answer.
type unanswered struct {
	endpoint string
	cause    error
}

func (u *unanswered) Error() string {
	return fmt.Sprintf("no metadata endpoint answers at %s: %v", u.endpoint, u.cause)
}

func (u *unanswered) Unwrap() error { return u.cause }

// NonRetriable tells azcore's retry policy that another try is of no use.
func (u *unanswered) NonRetriable() {}
