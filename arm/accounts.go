package arm

import (
	"context"
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

// Accounts are the database accounts of servers that stand for identities.
type Accounts interface {
	// RestoreAccounts believes rows of a server that were refused as old: of one user name,
	// or of all (""). Errors are Unavailable.
	RestoreAccounts(ctx context.Context, server midas.Server, user string) ([]account.Restored, error)
}

// routeAccounts adds what an operator confirms after restoring a backup of a database,
// which Azure does not have. It lets accounts sign in again, which a Contributor of the
// server could do as its administrator.
func (a *API) routeAccounts(t *routes) {
	if a.Accounts != nil {
		t.add(http.MethodPost, server+"/{name}/restoreAadUsers", serverType+"/restoreAadUsers/action", a.restoreAccounts)
	}
}

func (a *API) restoreAccounts(c *call) (answer, error) {
	var body struct {
		UserName string `json:"userName"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	done, err := a.Accounts.RestoreAccounts(c.Context(), s.Server(), body.UserName)
	if err != nil {
		return answer{}, err
	}
	a.Log.WarnContext(c.Context(), "old account rows confirmed", "server", s.Name, "user", body.UserName, "rows", len(done), "object", c.who.ObjectID)
	return list(done, showRestored), nil
}

func showRestored(r account.Restored) any {
	return object{
		"userName": r.Account.User, "host": r.Account.Host, "principalId": r.Account.ID, "principalType": r.Account.Kind,
		"restored": r.Restored, "reason": r.Reason,
	}
}
