package issuer

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/token"
)

const (
	// assertionSkew is how far the clock of who made an assertion may differ.
	assertionSkew = 5 * time.Minute
	// maxOwnLifetime is how long an assertion of the client's own may live. Client
	// libraries make them for ten minutes. A restart forgets which ones were shown, so
	// that this is how long one that was copied may be good for.
	maxOwnLifetime = time.Hour
)

// ownAssertion checks an assertion that the client signed with the key of a certificate
// that is registered for it ("private_key_jwt"). Until the signature holds, every refusal
// is the same, whether there is such an application and such a certificate or not.
// Source: Microsoft identity platform, "Application authentication certificate
// credentials".
func (i *Issuer) ownAssertion(r *http.Request, clientID string, a *token.Assertion) (midas.Identity, *oauthError) {
	id, certificates, err := i.Applications.Certificates(r.Context(), clientID)
	if err != nil && midas.CodeOf(err) != midas.NotFound {
		i.fault(r, "certificates not read", "client", clip.Text(clientID), "err", err)
		return midas.Identity{}, &serverError
	}
	cert := named(certificates, a.Header)
	if cert == nil {
		return midas.Identity{}, i.unknownCertificate(r, clientID, a, "no certificate of that thumbprint is registered")
	}
	claims, err := a.Verify(cert.PublicKey, "RS256", "PS256", "ES256")
	if err != nil {
		return midas.Identity{}, i.unknownCertificate(r, clientID, a, err.Error())
	}
	now := i.now()
	switch {
	case now.After(cert.NotAfter) || now.Before(cert.NotBefore):
		return midas.Identity{}, invalidClient(700027, fmt.Sprintf("The certificate used to sign the client assertion is not valid now. [Reason - The key used is expired, Start=%s, End=%s]",
			stamp(cert.NotBefore), stamp(cert.NotAfter)))
	case !strings.EqualFold(claims.Issuer, clientID) || !strings.EqualFold(claims.Subject, clientID):
		return midas.Identity{}, invalidClient(700021, "Client assertion application identifier doesn't match 'client_id' parameter: 'iss' and 'sub' must both be it.")
	case !slices.ContainsFunc(claims.Audience, i.tokenEndpoint):
		return midas.Identity{}, invalidClient(700023, fmt.Sprintf("Client assertion audience claim does not match Realm issuer. It must be the address of the token endpoint, such as %s.", i.base()+"/"+i.tenant+"/oauth2/v2.0/token"))
	}
	if failed := checkTimes(claims, now, maxOwnLifetime); failed != nil {
		return midas.Identity{}, failed
	}
	switch i.seen.show(a, clientID, claims, source(r), now) {
	case replayElsewhere:
		i.refusals.Warn(addressOf(r), "client assertion shown again from elsewhere", "client", clip.Text(clientID), "source", source(r))
		return midas.Identity{}, invalidClient(700025, "Client assertion was already used from another address. Make a new one for each.")
	case replayTooMany:
		i.refusals.Warn(addressOf(r), "client assertion refused", "client", clip.Text(clientID), "source", source(r), "why", "too many of its assertions have not expired")
		return midas.Identity{}, &oauthError{
			status: http.StatusTooManyRequests, code: "temporarily_unavailable", number: 50196,
			text: fmt.Sprintf("The application has shown %d assertions that have not expired. Show one of them again, or make them for a shorter time.", maxReplays),
		}
	}
	return id, nil
}

func (i *Issuer) unknownCertificate(r *http.Request, clientID string, a *token.Assertion, why string) *oauthError {
	i.refusals.Warn(addressOf(r), "client assertion refused", "client", clip.Text(clientID), "source", source(r), "why", why)
	return invalidClient(700027, fmt.Sprintf("The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found, or did not sign it., Thumbprint of key used by client: '%s']", thumbprint(a.Header)))
}

// named returns the certificate that the header names by its thumbprint, by either or
// both.
func named(certificates [][]byte, h token.Header) *x509.Certificate {
	if h.X5T == "" && h.X5TS256 == "" {
		return nil
	}
	for _, der := range certificates {
		short, long := sha1.Sum(der), sha256.Sum256(der)
		if h.X5T != "" && !bytes.Equal(anyBase64(h.X5T), short[:]) || h.X5TS256 != "" && !bytes.Equal(anyBase64(h.X5TS256), long[:]) {
			continue
		}
		if cert, err := x509.ParseCertificate(der); err == nil {
			return cert
		}
	}
	return nil
}

// anyBase64 reads the spellings that client libraries use for thumbprints: MSAL for Go
// pads and has + and /, MSAL for Python pads and has - and _.
func anyBase64(text string) []byte {
	text = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return raw
}

// thumbprint shows what the client named, as portals show it.
func thumbprint(h token.Header) string {
	for _, text := range []string{h.X5TS256, h.X5T} {
		if raw := anyBase64(text); len(raw) == sha1.Size || len(raw) == sha256.Size {
			return strings.ToUpper(hex.EncodeToString(raw))
		}
	}
	return ""
}

// tokenEndpoint reports whether an audience is this issuer's: the token endpoint of
// either version at any address that we are reached under, or the issuer's name.
func (i *Issuer) tokenEndpoint(audience string) bool {
	if slices.Contains(i.IssuerURLs(), audience) {
		return true
	}
	u, err := url.Parse(audience)
	if err != nil || !i.knownOrigin(u.Scheme+"://"+u.Host) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	tenant, rest, _ := strings.Cut(strings.TrimLeft(u.Path, "/"), "/")
	switch strings.Trim(rest, "/") {
	case "oauth2/token", "oauth2/v2.0/token", "v2.0", "":
		return i.ourTenant(tenant)
	}
	return false
}

// checkTimes refuses an assertion before or after its time, or made for too long.
func checkTimes(c token.AssertionClaims, now time.Time, longest time.Duration) *oauthError {
	begins := c.NotBefore
	if begins == 0 {
		begins = c.IssuedAt
	}
	from, until := begins.Time(), c.Expiry.Time()
	switch {
	case c.Expiry == 0 || now.Sub(until) >= assertionSkew || begins != 0 && from.Sub(now) > assertionSkew:
		return invalidClient(700024, fmt.Sprintf("Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.",
			stamp(now), stamp(from), stamp(until)))
	case until.Sub(now) > longest+assertionSkew || begins != 0 && until.Sub(from) > longest:
		return invalidClient(70023, fmt.Sprintf("The lifetime of the assertion, until %s, is longer than the %s allowed.", stamp(until), longest))
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "(not said)"
	}
	return t.UTC().Format("2006-01-02T15:04:05.0000000Z")
}
