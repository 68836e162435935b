package arm

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/rest"
)

// authenticate verifies the bearer token of a request, or refuses it with 401.
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

// authorize refuses a request with 403 before its content is read, whether or not what it is
// about exists, unless the caller has a role for it. What no route or another subscription
// answers is told to callers that have some role here; a list is open to callers that may see
// some of it, and leaves out the rest; tenants and subscriptions are listed to everyone, as far
// as they may see them. What decides about a change is its Operation, where it is made: this spares
// midas the content of those who have no role at all, and roles may change while it comes.
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

// mayAssign returns the identities under the ids that the caller needs a permission for, and
// adds those permissions to the operation: a machine or server gets no identity that the caller
// may not assign. An id that is none of an identity here needs the permission for all of them,
// and is left to the directory, which finds nothing there.
func (a *API) mayAssign(c *call, identities map[string]bool) map[string]bool {
	_, sub := a.Directory.Tenant()
	checked := map[string]bool{}
	for id, wanted := range identities {
		asked, scope := id, "/subscriptions/"+sub
		if canonical, ok := a.Directory.CanonicalIdentityID(id); ok {
			id, scope = canonical, canonical
		}
		if wanted {
			c.op.Linked = append(c.op.Linked, directory.Permission{Action: identityType + "/assign/action", Scope: scope, Asked: asked})
		}
		checked[id] = checked[id] || wanted
	}
	return checked
}

// denied words the refusal of an operation whose caller lacks a role.
func (c *call) denied(err error) error {
	var d *directory.Denied
	if !errors.As(err, &d) {
		return err
	}
	first := d.Missing[0]
	if first.Action == c.route.action {
		return errForbidden(c.who, first.Action, first.Scope)
	}
	var scopes []string
	for _, p := range d.Missing {
		scopes = append(scopes, p.Asked)
	}
	slices.Sort(scopes)
	return &armError{status: http.StatusForbidden, code: "LinkedAuthorizationFailed", message: fmt.Sprintf(
		"The client '%s' with object id '%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s) '%s' (respectively) or the linked scope(s) are invalid.",
		c.who.ClientID, c.who.ObjectID, c.route.action, c.scope, first.Action, clip.To(strings.Join(scopes, "', '"), 2048))}
}

// challenge tells a client where to get tokens (RFC 6750, section 3).
func (a *API) challenge(f *armError) string {
	tenant, _ := a.Directory.Tenant()
	quoted := strings.NewReplacer(`\`, "", `"`, "'")
	return fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`, a.LoginURL(), tenant, quoted.Replace(f.message))
}
