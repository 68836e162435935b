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
	// ServerKey tells version and id of the key that a server has, and nothing else of it.
	ServerKey(ctx context.Context, server midas.Server) (account.KeyState, error)
	// RotateServerKey gives a server the next version of its key.
	RotateServerKey(ctx context.Context, server midas.Server) (account.KeyState, error)
}

// routeAccounts adds what an operator confirms after restoring a backup of a database, and the
// change of a server's key, neither of which Azure has. The first lets accounts sign in again,
// which a Contributor of the server could do as its administrator; the second changes secrets
// that nobody but midas knows.
func (a *API) routeAccounts(t *routes) {
	if a.Accounts != nil {
		t.add(http.MethodPost, server+"/{name}/restoreAadUsers", serverType+"/restoreAadUsers/action", a.restoreAccounts)
		t.add(http.MethodGet, server+"/{name}/serverKey", serverType+"/serverKey/read", a.showServerKey)
		t.add(http.MethodPost, server+"/{name}/rotateServerKey", serverType+"/rotateServerKey/action", a.rotateServerKey)
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

func (a *API) showServerKey(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	key, err := a.Accounts.ServerKey(c.Context(), s.Server())
	return serverKeyAnswer(s.UniqueID, key), err
}

func (a *API) rotateServerKey(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	key, err := a.Accounts.RotateServerKey(c.Context(), s.Server())
	if err != nil {
		return answer{}, err
	}
	a.Log.InfoContext(c.Context(), "the key of a server was changed", "server", s.Name, "version", key.Version, "object", c.who.ObjectID)
	ans := serverKeyAnswer(s.UniqueID, key)
	ans.deed = changedElsewhere
	return ans, nil
}

func serverKeyAnswer(serverID string, key account.KeyState) answer {
	return answer{status: http.StatusOK, body: object{"serverId": serverID, "version": key.Version, "keyId": key.ID}}
}
