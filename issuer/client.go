package issuer

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/token"
)

// assertionType says that client_assertion is a JSON Web Token (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// publicClients are the programs that anybody may use to sign in with, since they have
// nothing to prove themselves with. These are those that people have.
var publicClients = map[string]string{
	"04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI", // azidentity's developer sign-on, too
	"1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
}

// client is the program that asks.
type client struct {
	id    string
	proof proof
	who   midas.Identity // zero for a public client
}

// shown is what a client shows for itself.
type shown struct{ clientID, secret, assertion string }

// authenticate finds out which program asks. One without a credential is a public
// client, which not every grant is for.
func (i *Issuer) authenticate(r *http.Request, form url.Values) (client, *oauthError) {
	s, failed := readCredential(r, form)
	if failed != nil {
		return client{}, failed
	}
	switch {
	case s.assertion != "":
		return i.byAssertion(r, s)
	case s.secret != "":
		return i.bySecret(r, s)
	}
	return client{id: s.clientID, proof: proofNone}, nil
}

// readCredential reads the client's id and secret, from the form or from the
// Authorization header (RFC 6749 section 2.3.1), not from both.
func readCredential(r *http.Request, form url.Values) (shown, *oauthError) {
	s := shown{clientID: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	if user, password, basic := r.BasicAuth(); basic {
		id, idErr := url.QueryUnescape(user)
		secret, secretErr := url.QueryUnescape(password)
		if idErr != nil || secretErr != nil || s.secret != "" || s.clientID != "" && s.clientID != id {
			return shown{}, badRequest(9000410, "The Authorization header is malformed, or the form holds another client credential.")
		}
		s.clientID, s.secret = id, secret
	}
	switch {
	case s.clientID == "":
		return shown{}, missing("client_id")
	case s.secret != "" && s.assertion != "":
		return shown{}, badRequest(9000410, "The request holds two client credentials.")
	case s.assertion != "" && form.Get("client_assertion_type") != assertionType:
		return shown{}, badRequest(900144, fmt.Sprintf("The request body must contain the following parameter: 'client_assertion_type', with the value %s.", assertionType))
	}
	return s, nil
}

func (i *Issuer) bySecret(r *http.Request, s shown) (client, *oauthError) {
	id, err := i.Applications.CheckSecret(r.Context(), s.clientID, s.secret)
	if err != nil {
		return client{}, i.wrongSecret(r, s.clientID, err)
	}
	return client{id: id.ClientID, proof: proofSecret, who: id}, nil
}

// wrongSecret answers alike for an unknown client and for a wrong secret, so that
// nobody finds out by trying which applications there are.
func (i *Issuer) wrongSecret(r *http.Request, clientID string, err error) *oauthError {
	switch midas.CodeOf(err) {
	case midas.Unauthenticated, midas.NotFound, midas.Invalid:
		i.refusals.Warn(addressOf(r), "client secret refused", "client", clip.Text(clientID), "source", source(r))
		return invalidClient(7000215, fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", clip.Text(clientID)))
	}
	i.fault(r, "client secret not checked", "client", clip.Text(clientID), "err", err)
	return &serverError
}

// byAssertion checks an assertion: one that the client made itself, when it says so, or
// one of an outside issuer.
func (i *Issuer) byAssertion(r *http.Request, s shown) (client, *oauthError) {
	a, says, err := readAssertion(s.assertion)
	if err != nil {
		i.refusals.Warn(addressOf(r), "client assertion refused", "client", clip.Text(s.clientID), "source", source(r), "err", err)
		return client{}, invalidClient(50027, "JWT token is invalid or malformed.")
	}
	var id midas.Identity
	var failed *oauthError
	if strings.EqualFold(says.Issuer, s.clientID) {
		id, failed = i.ownAssertion(r, s.clientID, a)
	} else {
		id, failed = i.outsideAssertion(r, s.clientID, a, says)
	}
	if failed != nil {
		return client{}, failed
	}
	return client{id: id.ClientID, proof: proofCertificate, who: id}, nil
}

// readAssertion takes an assertion apart. White space around it is its file's, which
// some clients send as it is.
func readAssertion(text string) (*token.Assertion, token.AssertionClaims, error) {
	a, err := token.ParseAssertion(strings.TrimSpace(text))
	if err != nil {
		return nil, token.AssertionClaims{}, err
	}
	says, err := a.Unverified()
	return a, says, err
}
