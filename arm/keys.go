package arm

import (
	"context"
	"net/http"
	"time"

	"github.com/midas-mysql/midas/token"
)

// SigningKeys are the keys that the token issuer signs with.
type SigningKeys interface {
	PublishedKeys() []token.KeyInfo
	// RotateKeys is a Conflict when the next key is too new, unless now.
	RotateKeys(ctx context.Context, now, revoke bool) ([]token.KeyInfo, error)
}

// routeKeys adds the routes of the signing keys, which Azure does not have. A caller who changes
// keys decides which tokens are good, so it takes the permission to say who may do what, which
// a Contributor has not.
func (a *API) routeKeys(t *routes) {
	if a.SigningKeys == nil {
		return
	}
	const (
		keys   = subscription + "/providers/Midas.Identity/signingKeys"
		action = "Microsoft.Authorization/signingKeys"
	)
	t.add(http.MethodGet, keys, action+"/read", a.listKeys)
	t.add(http.MethodPost, keys+"/rotate", action+"/write", a.rotateKeys)
}

func (a *API) listKeys(*call) (answer, error) {
	return list(a.SigningKeys.PublishedKeys(), showKey), nil
}

func (a *API) rotateKeys(c *call) (answer, error) {
	var body struct {
		Now    bool `json:"now"`
		Revoke bool `json:"revoke"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	keys, err := a.SigningKeys.RotateKeys(c.Context(), body.Now, body.Revoke)
	ans := list(keys, showKey)
	ans.deed = changedElsewhere
	return ans, err
}

func showKey(k token.KeyInfo) any {
	out := object{"keyId": k.ID, "state": k.State, "published": k.Published.Format(time.RFC3339)}
	if !k.Signing.IsZero() {
		out["signingSince"] = k.Signing.Format(time.RFC3339)
	}
	if !k.Until.IsZero() {
		out["publishedUntil"] = k.Until.Format(time.RFC3339)
	}
	return out
}
