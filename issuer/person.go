package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

const (
	// graphResource is what a person's token is for when nothing else is asked for.
	graphResource = "https://graph.microsoft.com"
	// maxUPN is the longest user principal name.
	maxUPN = 1024
)

// grantPerson signs a person in with name and password (RFC 6749 section 4.3).
func (i *Issuer) grantPerson(a *ask) (*issued, *oauthError) {
	if failed := i.mayActFor(a); failed != nil {
		return nil, failed
	}
	resource, failed := i.userResource(a.form, a.v2)
	if failed != nil {
		return nil, failed
	}
	upn, password := a.form.Get("username"), a.form.Get("password")
	switch {
	case upn == "":
		return nil, missing("username")
	case password == "":
		return nil, missing("password")
	}
	u, failed := i.signIn(a.Request, upn, password)
	if failed != nil {
		return nil, failed
	}
	return i.issueUser(a, u, resource, nil)
}

// mayActFor refuses programs that are nobody's: a person's token names the program.
func (i *Issuer) mayActFor(a *ask) *oauthError {
	switch _, public := publicClients[strings.ToLower(a.client.id)]; {
	case i.People == nil:
		return &oauthError{
			status: http.StatusBadRequest, code: "unauthorized_client", number: 700016,
			text: "Nobody signs in with a password here.",
		}
	case a.client.proof != proofNone || public:
		return nil
	}
	return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'. Without one, only the Azure CLI and Azure PowerShell sign people in.")
}

// signIn checks a password. Every wrong one is answered alike, and few from one source.
func (i *Issuer) signIn(r *http.Request, upn, password string) (midas.User, *oauthError) {
	wrong := invalidGrant(50126, "Error validating credentials due to invalid username or password.")
	if len(upn) > maxUPN || len(password) > maxUPN {
		return midas.User{}, wrong
	}
	from := senderOf(r)
	var u midas.User
	wait, err := i.attempts.inTurn(r.Context(), from, upn, i.now, func(ctx context.Context) (err error) {
		u, err = i.People.CheckPassword(ctx, upn, password)
		return err
	})
	if wait > 0 {
		i.refusals.Warn(addressOf(r), "sign-in refused unchecked", "user", clip.Text(upn), "source", from.String(), "wait", wait)
		return midas.User{}, invalidGrant(50053, fmt.Sprintf("Too many sign-ins failed from this address, or under this name from many. Try again in %d seconds.", int(wait.Seconds())+1))
	}
	if err == nil {
		i.refusals.Known(slog.LevelInfo, u.ObjectID, "person signed in", "user", u.ObjectID, "source", from.String())
		return u, nil
	}
	var refusal *midas.Error
	switch {
	case errors.As(err, &refusal) && refusal.Public: // the password was right: its owner may be told why
		return midas.User{}, invalidGrant(50055, "The password is right, and "+refusal.Message+".")
	case midas.CodeOf(err) == midas.Unauthenticated, midas.CodeOf(err) == midas.NotFound:
		i.refusals.Warn(addressOf(r), "password refused", "user", clip.Text(upn), "source", from.String())
		return midas.User{}, wrong
	case midas.CodeOf(err) == midas.Unavailable:
		return midas.User{}, &busy
	}
	i.fault(r, "password not checked", "user", clip.Text(upn), "err", err)
	return midas.User{}, &serverError
}

// mayNotSignIn tells an account that is gone or disabled from one that could not be read.
func mayNotSignIn(err error) bool {
	switch midas.CodeOf(err) {
	case midas.NotFound, midas.Forbidden, midas.Unauthenticated, midas.Invalid:
		return err != nil
	}
	return false
}

func noGrant(parameter string) *oauthError {
	return invalidGrant(70000, fmt.Sprintf("The provided value for the '%s' is not valid: it was revoked, is of another client, or never was. Sign in again.", parameter))
}

// issueUser makes the tokens of a person who has signed in; from is the grant that it goes
// on from, nil for a new one.
func (i *Issuer) issueUser(a *ask, u midas.User, resource string, from *parent) (*issued, *oauthError) {
	t, err := i.signUser(a.Context(), u, resource, userToken{clientID: a.client.id, proof: a.client.proof, remote: addressOf(a.Request)})
	if err != nil {
		return nil, i.notIssued(a, resource, err)
	}
	asked := strings.Fields(a.form.Get("scope"))
	out := &issued{token: t, resource: resource, user: &u, scope: grantedScope(resource, asked, a.v2)}
	// Version 1 has no scopes: there a sign-in brings everything.
	if !a.v2 || slices.Contains(asked, "openid") {
		if out.idToken, err = i.idToken(u, a.client.id, a.v2); err != nil {
			return nil, i.notIssued(a, resource, err)
		}
	}
	if i.Grants != nil && (!a.v2 || slices.Contains(asked, "offline_access")) {
		switch out.refresh, err = i.keepGrant(a, u, from); {
		case midas.CodeOf(err) == midas.NotFound:
			i.refusals.Known(slog.LevelWarn, u.ObjectID, "sign-in revoked while it went on", "user", u.ObjectID, "client", a.client.id)
			return nil, noGrant("grant")
		case err != nil:
			return nil, i.notIssued(a, resource, err)
		}
	}
	i.refusals.Known(slog.LevelInfo, u.ObjectID, "token issued", "user", u.ObjectID, "client", a.client.id, "resource", resource, "expires", t.Expiry)
	return out, nil
}

// userResource is what a person's token is for: Microsoft Graph when nothing is said.
func (i *Issuer) userResource(form url.Values, v2 bool) (string, *oauthError) {
	if form.Get("resource") == "" && !slices.ContainsFunc(strings.Fields(form.Get("scope")), func(s string) bool { return !ownScope(s) }) {
		return graphResource, nil
	}
	if resource := form.Get("resource"); resource != "" {
		return i.requestedResource(form, v2)
	}
	resource, failed := scopeResource(form.Get("scope"), "/.default", "/user_impersonation")
	if failed == nil {
		failed = i.checkResource(resource)
	}
	return resource, failed
}

// grantedScope is what was granted, in the words that were asked with: client libraries
// look the token up by them.
func grantedScope(resource string, asked []string, v2 bool) string {
	if !v2 {
		return "user_impersonation"
	}
	scopes := []string{resource + "/user_impersonation", resource + "/.default"}
	for _, s := range asked {
		if ownScope(s) {
			scopes = append(scopes, s)
		}
	}
	return strings.Join(scopes, " ")
}

// clientInfo tells client libraries whose account a token belongs to.
func clientInfo(u midas.User) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"` + u.ObjectID + `","utid":"` + u.TenantID + `"}`))
}

// serveRealm tells client libraries that people sign in here, and not at an issuer of
// their own. It is the same for everybody, so that it tells nothing about who exists.
func (i *Issuer) serveRealm(w http.ResponseWriter, r *http.Request) {
	upn := r.PathValue("upn")
	_, domain, found := strings.Cut(upn, "@")
	if !found || domain == "" || len(upn) > maxUPN {
		i.refuse(w, r, *badRequest(90023, "The user name is not a user principal name, such as name@example.com."))
		return
	}
	noStore(w)
	answer(w, http.StatusOK, map[string]any{
		"ver": "1.0", "account_type": "Managed", "domain_name": domain,
		"cloud_instance_name": hostOf(i.base()), "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	})
}
