package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/token"
)

// How long tokens live. Every token begins five minutes before it was asked for, so
// that a server whose clock is behind takes it.
// Source: Microsoft Entra, "Managed identities for Azure resources frequently asked
// questions" (24 hours) and "Access tokens" (a random time of 60 to 90 minutes for others,
// so that clients do not all come back at once).
const (
	backdate         = 5 * time.Minute
	identityLifetime = 24 * time.Hour
	shortestLifetime = 60 * time.Minute
	longestLifetime  = 90 * time.Minute
)

// ordinaryLifetime is that of a token which is not a managed identity's.
func ordinaryLifetime() time.Duration {
	spread := int64((longestLifetime - shortestLifetime) / time.Second)
	return shortestLifetime + time.Duration(rand.Int64N(spread+1))*time.Second
}

// proof is how the client program proved itself: the claim "appidacr".
type proof string

// The proofs.
const (
	proofNone        proof = "0" // a public client has nothing to prove itself with
	proofSecret      proof = "1"
	proofCertificate proof = "2" // and assertions of outside issuers
)

// maxGroups is how many groups a token names before it leaves them out.
// Source: Microsoft identity platform, "Access token claims reference".
const maxGroups = 200

// appToken is what the token of an application says besides who it is.
type appToken struct {
	proof    proof
	host     string // ARM id of the workload that asked
	at       time.Time
	lifetime time.Duration
}

// signApp signs a token in which an application or managed identity speaks for itself.
func (i *Issuer) signApp(ctx context.Context, id midas.Identity, resource string, how appToken) (midas.Token, error) {
	switch {
	case id.ClientID == "" || id.PrincipalID == "" || resource == "":
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %q, client id %q, resource %q: none may be empty",
			id.PrincipalID, id.ClientID, resource)
	case !strings.EqualFold(id.TenantID, i.tenant):
		return midas.Token{}, midas.Errorf(midas.Internal, "mint a token for %s of tenant %q: this issuer is of tenant %s",
			id.PrincipalID, id.TenantID, i.tenant)
	}
	claims, err := i.common(ctx, resource, how.at, how.lifetime)
	if err != nil {
		return midas.Token{}, err
	}
	claims.by(id.ClientID, how.proof)
	claims.IDType, claims.ObjectID, claims.Subject = "app", id.PrincipalID, id.PrincipalID
	claims.XMSMIRID = id.ResourceID
	// A system-assigned identity is its host; only a user-assigned one names it.
	if id.ResourceID != "" && !strings.EqualFold(how.host, id.ResourceID) {
		claims.XMSAZRID = how.host
	}
	if err := i.addGroups(ctx, &claims.Claims, "servicePrincipals", id.PrincipalID); err != nil {
		return midas.Token{}, err
	}
	return i.finish(claims, resource)
}

// userToken is what the token of a person says besides who it is.
type userToken struct {
	clientID string // the program that the person uses
	proof    proof  // of the program
	remote   string // where the person signed in
}

// signUser signs a token in which a program speaks for a person.
func (i *Issuer) signUser(ctx context.Context, u midas.User, resource string, how userToken) (midas.Token, error) {
	claims, err := i.common(ctx, resource, i.now(), ordinaryLifetime())
	if err != nil {
		return midas.Token{}, err
	}
	claims.by(how.clientID, how.proof)
	claims.IDType, claims.ObjectID = "user", u.ObjectID
	claims.Subject = pairwise(claims.Audience[0], u)
	claims.Scope = token.Strings{"user_impersonation"}
	claims.Name = u.DisplayName
	if claims.Version == "2.0" {
		claims.PreferredUsername = u.UPN
	} else {
		claims.ACR, claims.AMR = "1", []string{"pwd"}
		claims.GivenName, claims.FamilyName, claims.Email = u.GivenName, u.Surname, u.Mail
		claims.IPAddress = how.remote
		claims.UniqueName = u.UPN
		// A guest has no user principal name of this tenant to be known by.
		if !u.Guest {
			claims.UPN = u.UPN
		}
	}
	if err := i.addGroups(ctx, &claims.Claims, "users", u.ObjectID); err != nil {
		return midas.Token{}, err
	}
	return i.finish(claims, resource)
}

// idToken tells the client program who has signed in.
func (i *Issuer) idToken(u midas.User, clientID string, v2 bool) (string, error) {
	now := i.now().Truncate(time.Second)
	c := token.IDClaims{
		Audience: clientID, Issuer: i.v1(), Version: "1.0",
		IssuedAt: token.At(now.Add(-backdate)), NotBefore: token.At(now.Add(-backdate)), Expiry: token.At(now.Add(shortestLifetime)),
		Name: u.DisplayName, ObjectID: u.ObjectID, Subject: pairwise(clientID, u), TenantID: i.tenant,
		RH: "0." + opaque(21), UTI: opaque(16), PreferredUsername: u.UPN,
	}
	if v2 {
		c.Issuer, c.Version = i.v2(), "2.0"
	} else {
		c.AMR, c.GivenName, c.FamilyName = []string{"pwd"}, u.GivenName, u.Surname
		c.UPN, c.UniqueName, c.Email = u.UPN, u.UPN, u.Mail
	}
	return i.keys.signer().SignID(c)
}

// draft is a token that is being written.
type draft struct {
	token.Claims
	from, until time.Time
}

// common is what every token says. Which version it is of, the resource decides and not
// the endpoint: it is the resource that has to read it.
func (i *Issuer) common(ctx context.Context, resource string, at time.Time, lifetime time.Duration) (*draft, error) {
	if lifetime < 0 || lifetime > identityLifetime {
		return nil, midas.Errorf(midas.Internal, "mint a token for %s: lifetime %s", resource, lifetime)
	}
	audience, version, err := i.audience(ctx, resource)
	if err != nil {
		return nil, err
	}
	at = at.Truncate(time.Second)
	d := &draft{from: at.Add(-backdate), until: at.Add(lifetime).Truncate(time.Second)}
	d.Audience = token.Strings{audience}
	d.IssuedAt, d.NotBefore, d.Expiry = token.At(d.from), token.At(d.from), token.At(d.until)
	d.TenantID = i.tenant
	d.AIO, d.RH, d.UTI = opaque(24), "0."+opaque(21), opaque(16)
	if d.Issuer, d.Version = i.v1(), "1.0"; version == 2 {
		d.Issuer, d.Version = i.v2(), "2.0"
	}
	d.IDP = d.Issuer
	return d, nil
}

// by names the client program.
func (d *draft) by(clientID string, p proof) {
	if d.Version == "2.0" {
		d.AZP, d.AZPACR = clientID, string(p)
	} else {
		d.AppID, d.AppIDACR = clientID, string(p)
	}
}

// audience is what a token for a resource names, and the version that the resource takes:
// in version 2 the application behind it, whatever name it was asked for by.
func (i *Issuer) audience(ctx context.Context, resource string) (audience string, version int, err error) {
	own := append(i.ReservedAudiences(), midas.Resource, midas.ResourceAppID)
	if i.Resources == nil || slices.ContainsFunc(own, func(name string) bool { return strings.EqualFold(name, resource) }) {
		return resource, 1, nil
	}
	version, clientID, err := i.Resources.TokenVersion(ctx, resource)
	if err != nil || version != 2 {
		return resource, 1, err
	}
	return clientID, 2, nil
}

// addGroups names the groups that the object is in, or where to ask when they are many.
func (i *Issuer) addGroups(ctx context.Context, c *token.Claims, collection, objectID string) error {
	if i.Members == nil {
		return nil
	}
	groups, err := i.Members.MemberGroups(ctx, objectID)
	if err != nil {
		return err
	}
	if len(groups) <= maxGroups {
		c.Groups = groups
		return nil
	}
	c.ClaimNames = map[string]any{"groups": "src1"}
	c.ClaimSources = map[string]any{"src1": map[string]string{"endpoint": i.base() + "/v1.0/" + collection + "/" + objectID + "/getMemberObjects"}}
	return nil
}

func (i *Issuer) finish(d *draft, resource string) (midas.Token, error) {
	signer := i.keys.signer()
	raw, err := signer.Sign(d.Claims)
	if err != nil {
		return midas.Token{}, err
	}
	return midas.Token{Raw: raw, KeyID: signer.KeyID(), Resource: resource, NotBefore: d.from.UTC(), Expiry: d.until.UTC()}, nil
}

// pairwise is a person's "sub", different for each program, so that two programs cannot
// tell by it that they have the same user (OpenID Connect Core section 8).
func pairwise(audience string, u midas.User) string {
	sum := sha256.Sum256([]byte("sub\x00" + audience + "\x00" + u.ObjectID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
