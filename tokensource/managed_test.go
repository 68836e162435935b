package tokensource

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/midas-mysql/midas"
)

// nothing answers no request.
type nothing struct{ asked []string }

func (n *nothing) Do(r *http.Request) (*http.Response, error) {
	n.asked = append(n.asked, r.URL.Host)
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
}

// TestNoMetadataEndpoint: a program learns at once which endpoint it was, and what happened there. The
// SDK would ask for a minute, and say that the context's deadline has passed.
func TestNoMetadataEndpoint(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"a virtual machine": nil,
		"App Service":       {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/msi", "IDENTITY_HEADER": "secret-header"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, env)
			n := &nothing{}
			credential, err := ManagedIdentity(ManagedIdentityConfig{Transport: n})
			if err != nil {
				t.Fatal(err)
			}
			source, err := New(Config{Credential: credential})
			if err != nil {
				t.Fatal(err)
			}
			_, err = source.Token(t.Context())
			if err == nil || len(n.asked) == 0 || !strings.Contains(err.Error(), n.asked[0]) || !strings.Contains(err.Error(), "no route to host") {
				t.Errorf("asked %q, %v", n.asked, err)
			}
			if len(n.asked) > 2 {
				t.Errorf("asked %d times", len(n.asked))
			}
			if strings.Contains(err.Error(), "secret-header") {
				t.Error(err)
			}
		})
	}
}

// several is an endpoint of a machine with more than one identity.
type several struct{}

func (several) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}`)),
	}, nil
}

func TestWhichIdentityIsMeant(t *testing.T) {
	setEnvironment(t, nil)
	credential, err := ManagedIdentity(ManagedIdentityConfig{Transport: several{}})
	if err != nil {
		t.Fatal(err)
	}
	source, err := New(Config{Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = source.Token(t.Context()); !strings.Contains(midas.HintOf(err), "AZURE_CLIENT_ID") {
		t.Errorf("%v (%s)", err, midas.HintOf(err))
	}
}

var _ policy.Transporter = (*nothing)(nil)
