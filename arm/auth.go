package arm

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
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
	return connections.Authenticated(c.Context(), p.ObjectID)
}

// authorize refuses with 403 whoever has no role for what they ask, whether or not it
// exists. What no route or another subscription answers is told to those who have some
// role here; a list may be asked for by those who may see some of it, and leaves out the
// rest; tenants and subscriptions are listed to everyone, as far as they may see them.
func (a *API) authorize(c *call, found *route) (err error) {
	if c.access, err = a.Directory.Access(c.Context(), c.who.ObjectID); err != nil {
		return err
	}
	action, scope, ok := "*", clip.To(c.URL.EscapedPath(), maxPath), false
	_, own := a.Directory.Tenant()
	switch {
	case found == nil || c.vars["sub"] != "" && !strings.EqualFold(c.vars["sub"], own):
		ok = c.access.Any()
	case found.audience == everyone:
		ok = true
	case found.audience == anyRole:
		ok = c.access.Any()
	case found.audience == someBelow:
		ok = c.access.AllowedWithin(found.action, c.scope)
	default:
		ok = c.access.Allowed(found.action, c.scope)
	}
	if ok {
		return nil
	}
	if found != nil {
		action, scope = found.action, c.scope
	}
	return errForbidden(c.who, action, scope)
}

// sees reports whether the caller of a list may see the one with that id in it.
func (c *call) sees(id string) bool {
	return c.access.Allowed(c.route.action, id)
}

// mayAssign returns the identities under the ids by which they were authorized. It
// refuses, with what Azure calls a linked authorization failure, to give a machine or
// server one that the caller may not assign. What is no id of an identity here needs the
// permission for all of them, and is left to the directory, which finds nothing there.
func (a *API) mayAssign(c *call, identities map[string]bool) (map[string]bool, error) {
	const assign = identityType + "/assign/action"
	_, sub := a.Directory.Tenant()
	checked := map[string]bool{}
	var denied []string
	for id, wanted := range identities {
		asked, scope := id, "/subscriptions/"+sub
		if canonical, ok := a.Directory.CanonicalIdentityID(id); ok {
			id, scope = canonical, canonical
		}
		if wanted && !c.access.Allowed(assign, scope) {
			denied = append(denied, asked)
		}
		checked[id] = checked[id] || wanted
	}
	if len(denied) == 0 {
		return checked, nil
	}
	slices.Sort(denied)
	return nil, &armError{status: http.StatusForbidden, code: "LinkedAuthorizationFailed", message: fmt.Sprintf(
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) '%s' (respectively) or the linked scope(s) are invalid.",
		c.who.ClientID, c.who.ObjectID, c.route.action, c.scope, assign, clip.To(strings.Join(denied, "', '"), 2048))}
}

// challenge tells a client where tokens are had (RFC 6750, section 3).
func (a *API) challenge(f *armError) string {
	tenant, _ := a.Directory.Tenant()
	quoted := strings.NewReplacer(`\`, "", `"`, "'")
	return fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`, a.LoginURL(), tenant, quoted.Replace(f.message))
}
