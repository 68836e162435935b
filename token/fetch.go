package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// The limits of one fetch.
const (
	fetchTimeout = 10 * time.Second // from connecting to the last byte
	fetchLimit   = 1 << 20          // bytes of a key set
	maxRedirects = 3
)

// discoveryPath is where an issuer describes itself.
// Source: OpenID Connect Discovery, section 4.
const discoveryPath = "/.well-known/openid-configuration"

// get fetches the key set. Its time limit is its own: one caller who gives up must not
// end it for the others who wait.
func (r *RemoteKeys) get() (StaticKeys, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	address := r.url
	if r.issuer != "" {
		var err error
		if address, err = r.discover(ctx); err != nil {
			return nil, err
		}
	}
	body, err := r.load(ctx, address, "application/jwk-set+json, application/json")
	if err != nil {
		return nil, err
	}
	return DecodeKeys(body)
}

// discover returns where the issuer says that its keys are. The document must be of that
// very issuer: one that names another speaks for the other.
func (r *RemoteKeys) discover(ctx context.Context) (string, error) {
	body, err := r.load(ctx, r.url, "application/json")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := checkDocument(body); err != nil {
		return "", fmt.Errorf("the discovery document: %w", err)
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return "", errors.New("the discovery document is not JSON of the expected form")
	}
	if document.Issuer != r.issuer {
		return "", fmt.Errorf("the discovery document at %s is of issuer %q", r.url, clip.Text(document.Issuer))
	}
	return document.KeysURL, r.checkAddress(document.KeysURL)
}

// load fetches one document.
func (r *RemoteKeys) load(ctx context.Context, address, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, fetchLimit+1))
	if err != nil {
		return nil, err
	}
	if len(body) > fetchLimit {
		return nil, fmt.Errorf("%s answered with more than %d bytes", address, fetchLimit)
	}
	return body, nil
}

// checkAddress refuses an address that keys could be changed on the way from.
func (r *RemoteKeys) checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return midas.Errorf(midas.Invalid, "key set address %q is not a URL with a host and without a user", clip.Text(address))
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !r.plain) {
		return midas.Errorf(midas.Invalid, "key set address %s is not https", clip.Text(address)).
			WithHint("an attacker on the network path who replaces the keys can sign in as anyone: only the loopback interface may use http")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// stayOnHost keeps an open redirect on the issuer's host from naming another source of
// keys.
func stayOnHost(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	if req.URL.Scheme != from.Scheme || req.URL.Host != from.Host {
		return fmt.Errorf("redirected away from %s", from.Host)
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	}
	return nil
}
