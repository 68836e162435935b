package issuer

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

const (
	// grantLife is how long a sign-in lasts without a password being typed again.
	// Source: Microsoft identity platform, "Refresh tokens" (90 days).
	grantLife = 90 * 24 * time.Hour
	// overlap is how long a refresh token still works after it was traded for the next:
	// two commands that run side by side both hold the old one.
	overlap = 2 * time.Minute
)

// grantAgain trades a refresh token for tokens, also of another resource
// (RFC 6749 section 6). It is good once; a second use long after the first is by someone who
// copied it, so that everything that came of that sign-in ends.
func (i *Issuer) grantAgain(a *ask) (*issued, *oauthError) {
	if failed := i.mayActFor(a); failed != nil {
		return nil, failed
	}
	resource, failed := i.userResource(a.form, a.v2)
	if failed != nil {
		return nil, failed
	}
	shown := a.form.Get("refresh_token")
	if shown == "" {
		return nil, missing("refresh_token")
	}
	refused := noGrant("refresh_token")
	if i.Grants == nil {
		return nil, refused
	}
	now := i.now()
	digest := sha256.Sum256([]byte(shown))
	family, issued := familyIn(shown)
	g, first, err := i.Grants.TakeGrant(a.Context(), digest, family, now)
	switch {
	case midas.CodeOf(err) == midas.NotFound:
		return nil, refused
	case midas.CodeOf(err) == midas.Conflict && now.Sub(issued) >= grantLife:
		return nil, expiredGrant()
	case midas.CodeOf(err) == midas.Conflict:
		i.revoke(a.Context(), g, "refresh token used long before, or one of too many")
		return nil, refused
	case err != nil:
		return nil, i.notIssued(a, resource, err)
	case !strings.EqualFold(g.ClientID, a.client.id), !first.IsZero() && now.Sub(first) > overlap:
		i.revoke(a.Context(), g, "refresh token of another client, or used before")
		return nil, refused
	case !now.Before(g.Ends):
		return nil, expiredGrant()
	}
	u, err := i.People.UserByID(a.Context(), g.UserID)
	if mayNotSignIn(err) {
		i.revoke(a.Context(), g, "the person is gone or disabled")
		return nil, refused
	}
	if err != nil {
		return nil, i.notIssued(a, resource, err)
	}
	return i.issueUser(a, u, resource, &parent{g, digest})
}

// parent is the grant that another one goes on from.
type parent struct {
	directory.Grant
	digest [32]byte
}

func (i *Issuer) revoke(ctx context.Context, g directory.Grant, why string) {
	i.refusals.Known(slog.LevelWarn, g.UserID, "grant revoked", "user", g.UserID, "client", g.ClientID, "why", why)
	if err := i.Grants.RevokeGrants(ctx, g.Family); err != nil {
		i.refusals.Known(slog.LevelError, g.UserID, "grant not revoked", "user", g.UserID, "err", err)
	}
}

func expiredGrant() *oauthError {
	return invalidGrant(700082, "The refresh token has expired due to inactivity. Sign in again.")
}

// keepGrant makes a refresh token. Only its digest is kept: 256 random bits need no salt.
// Few tokens of a family are kept, so each names its family and when it was made: one that
// was used and is forgotten is still known for what it is, and ends the sign-in, and one
// that has expired does not. The family's name is as random as the rest and known to
// holders of such a token alone, so that nobody else can make one up to end a sign-in
// (RFC 9700 section 4.14.2).
func (i *Issuer) keepGrant(a *ask, u midas.User, from *parent) (string, error) {
	now := i.now()
	next := directory.Grant{Family: opaque(16), ClientID: strings.ToLower(a.client.id), UserID: u.ObjectID, Begun: now}
	var before *[32]byte
	if from != nil {
		next.Family, next.Begun, before = from.Family, from.Begun, &from.digest
	}
	next.Ends = now.Add(grantLife)
	raw := strings.Join([]string{"1", next.Family, strconv.FormatInt(now.Unix(), 36), opaque(32)}, ".")
	return raw, i.Grants.KeepGrant(a.Context(), sha256.Sum256([]byte(raw)), next, u.Stamp, before, now.Add(-overlap))
}

// familyIn is the family that a refresh token names, and when it says it was made; "" for
// one of a former midas, and for none.
func familyIn(refreshToken string) (family string, made time.Time) {
	part := strings.SplitN(refreshToken, ".", 5)
	if len(part) != 4 || part[0] != "1" {
		return "", time.Time{}
	}
	seconds, err := strconv.ParseInt(part[2], 36, 64)
	if err != nil {
		return "", time.Time{}
	}
	return part[1], time.Unix(seconds, 0)
}
