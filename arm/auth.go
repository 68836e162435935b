package arm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/rest"
)

// authenticate finds out who asks, or refuses with 401.
func (a *API) authenticate(c *call) error {
	raw, present := rest.BearerToken(c.Request)
	switch {
	case !present:
		return errNoToken
	case raw == "":
		return errToken("The 'Authorization' header is not one bearer token.")
	}
	p, err := a.Verifier.Verify(c.Context(), raw)
	if err != nil {
		var refused *midas.Error
		switch {
		case errors.As(err, &refused) && refused.Code != midas.Unauthenticated:
			return err
		case errors.As(err, &refused) && refused.Public:
			return errToken("The access token is invalid: " + refused.Message + ".")
		}
		return errToken("The access token is invalid.")
	}
	if !slices.Contains(Audiences(), p.Audience) {
		return errToken(fmt.Sprintf("The access token has been obtained for wrong audience or resource '%s'. It should exactly match one of the allowed audiences '%s'.",
			p.Audience, strings.Join(Audiences(), "', '")))
	}
	c.who = p
	return nil
}

// authorize refuses everyone but an Owner of the subscription with 403, whether or
// not what they ask for exists.
func (a *API) authorize(c *call, found *route) error {
	owner, err := a.Directory.IsOwner(c.Context(), c.who.ObjectID)
	if err != nil {
		return err
	}
	if owner {
		return nil
	}
	action := "*"
	if found != nil {
		action = found.action
	}
	return errForbidden(c.who, action, c.URL.EscapedPath())
}

// challenge tells a client where tokens are had (RFC 6750, section 3).
func (a *API) challenge(f *fault) string {
	tenant, _ := a.Directory.Tenant()
	quoted := strings.NewReplacer(`\`, "", `"`, "'")
	return fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`, a.LoginURL(), tenant, quoted.Replace(f.message))
}
