package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/rest"
)

// access is what a route asks of its caller.
type access int

const (
	writes access = iota // the zero value asks most
	reads
	readsSelf // reads, and everyone of what {id} names when that is themselves
	anyone    // every caller with a token
)

// authenticate verifies the bearer token of a request, or refuses it with 401. A token outlives
// its principal, which must exist and be enabled.
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
			return errToken("Access token validation failure. " + refused.Message + ".")
		}
		return errToken("Access token validation failure.")
	}
	if !slices.Contains(Audiences(a.BaseURL()), p.Audience) {
		return errToken("Access token validation failure. Invalid audience.")
	}
	active, err := a.Directory.Active(c.Context(), p.ObjectID)
	if err != nil {
		return err
	}
	if !active {
		return errToken("The identity of the access token is deleted or disabled.")
	}
	c.who = p
	return connections.Authenticated(c.Context(), p.ObjectID)
}

// What a role over the subscription must allow. Who may change the directory may join
// any group and so take any role, so that it takes a role that may give roles away
// (Owner, User Access Administrator). Reading takes one that reads everything (Reader).
const (
	writeAction = "Microsoft.Authorization/roleAssignments/write"
	readAction  = "Microsoft.Directory/objects/read"
)

// authorize refuses a request with 403 before its content is read, whether or not what it is
// about exists. A change is judged again by its Operation, in the transaction that makes it: a
// caller that lost its role while it sent the content changes nothing.
func (a *API) authorize(c *call, found *route) error {
	need := found.access
	if need == anyone {
		return nil
	}
	if need == readsSelf {
		self, err := a.isSelf(c)
		if self || err != nil {
			return err
		}
	}
	_, subscription := a.Directory.Tenant()
	action, scope := readAction, "/subscriptions/"+subscription
	if need == writes {
		action = writeAction
		c.op = &directory.Operation{Action: action, Scope: scope, Caller: c.who.ObjectID, OfGraph: true}
	}
	allowed, err := a.Directory.Allowed(c.Context(), c.who.ObjectID, action, scope)
	if err == nil && !allowed {
		return errDenied
	}
	return err
}

// isSelf tells whether {id} of the route is the caller.
func (a *API) isSelf(c *call) (bool, error) {
	id := c.vars["id"]
	switch {
	case c.keyed != "":
		return c.who.AppOnly && c.who.ClientID != "" && strings.EqualFold(id, c.who.ClientID), nil
	case strings.EqualFold(id, c.who.ObjectID):
		return true, nil
	case !strings.Contains(id, "@"):
		return false, nil
	}
	u, err := a.Directory.GetUser(c.Context(), id)
	if midas.CodeOf(err) == midas.NotFound {
		return false, nil
	}
	return err == nil && strings.EqualFold(u.ObjectID, c.who.ObjectID), err
}

// challenge tells a client where tokens are had (RFC 6750, section 3).
func (a *API) challenge() string {
	tenant, _ := a.Directory.Tenant()
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/%s/oauth2/authorize", client_id="%s"`, a.LoginURL(), tenant, AppID)
}

// me turns /me into the user of the token. An application is nobody's user.
func (c *call) me(segments []string) ([]string, error) {
	if len(segments) == 0 || !strings.EqualFold(segments[0], "me") {
		return segments, nil
	}
	if c.who.AppOnly {
		return nil, errNotMe
	}
	return append([]string{"users", c.who.ObjectID}, segments[1:]...), nil
}
