package account

import (
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// Account is an AADUSER: a database user and the one identity that may be it.
type Account struct {
	ServerID string // unique id of the server, lower case
	User     string // name of the MySQL account, case kept
	Host     string // its host pattern, lower case
	// Issuer and Tenant say whose identity ID is: OwnIssuer, for all that midas's own issuer
	// signs. Admit does not compare them yet: other issuers have no accounts.
	Issuer, Tenant string
	// Kind says which claims of a token are compared with ID. It is empty only for an
	// administrator that the directory did not describe: ID may then be any of the three.
	Kind midas.PrincipalKind
	ID   string // client id or object id, lower case
	// DirectoryName is what CREATE AADUSER was given; it is never compared.
	DirectoryName string
	Admin         bool // the server's Microsoft Entra administrator
	// Generation counts the secrets of this name; each has its own.
	Generation int
	// Mapping is the random id of the row, which the backend account carries as the
	// mark that it was made for this row.
	Mapping string
}

// OwnIssuer stands in an account's Issuer for the issuer that this midas runs: its URL is the
// address at which it is reached and may change, and its identities are the same then.
const OwnIssuer = "midas:own"

// String is 'user'@'host', for people.
func (a Account) String() string { return "'" + a.User + "'@'" + a.Host + "'" }

// Admit tells whether p is who acc stands for. A refusal is Forbidden and Public: p
// comes from a verified token, so its owner may know the reason.
//
// Only immutable ids are compared, names never: an identity made anew under an old name
// has other ids and inherits nothing. A client id counts only in a token that the
// application got for itself; a person's token names the application too.
// Source: Microsoft Learn, "Access token claims reference" (oid, appid, groups).
func Admit(acc Account, p midas.Principal) error {
	var admitted bool
	switch acc.Kind {
	case midas.KindService:
		admitted = isApplication(acc.ID, p) || same(acc.ID, p.ObjectID)
	case midas.KindUser:
		admitted = same(acc.ID, p.ObjectID)
	case midas.KindGroup:
		admitted = inGroups(acc.ID, p)
	case "":
		admitted = acc.Admin && (isApplication(acc.ID, p) || same(acc.ID, p.ObjectID) || inGroups(acc.ID, p))
	}
	if admitted {
		return nil
	}
	return refusal(acc, p)
}

// same compares two ids. Requiring presence matters: an absent claim must not equal an
// absent setting.
func same(id, claim string) bool { return id != "" && strings.EqualFold(id, claim) }

func isApplication(id string, p midas.Principal) bool { return p.AppOnly && same(id, p.ClientID) }

func inGroups(id string, p midas.Principal) bool {
	return slices.ContainsFunc(p.Groups, func(g string) bool { return same(id, g) })
}

func refusal(acc Account, p midas.Principal) error {
	switch {
	case acc.Kind == midas.KindGroup && p.GroupsOmitted:
		return refuse(mysqlerr.AADTokenNotValid, midas.Forbidden,
			"Azure AD access token is not valid for user '%s': the token lists no groups because its owner is in too many (claim overage), so group ID %s cannot be found in it", acc.User, acc.ID).
			WithHint("let the application registration emit only the groups assigned to it, or map the person directly")
	case acc.Kind == midas.KindGroup:
		return refuse(mysqlerr.AADTokenNotValid, midas.Forbidden,
			"Azure AD access token is not valid for user '%s': it does not contain group ID %s", acc.User, acc.ID).
			WithHint("add its owner to the group; a token of an outside issuer keeps the groups of the moment it was issued")
	case acc.Kind != midas.KindUser && !p.AppOnly && same(acc.ID, p.ClientID):
		return refuse(mysqlerr.AccessDenied, midas.Forbidden,
			"user '%s' maps to application %s, but the token was issued to a person (object id %s) through that application", acc.User, acc.ID, said(p.ObjectID)).
			WithHint("the application must get the token for itself, or the person needs an AADUSER of their own")
	case inGroups(acc.ID, p):
		return refuse(mysqlerr.AccessDenied, midas.Forbidden,
			"user '%s' maps to application %s, which is a group in this token: IDENTIFIED BY makes an application of any id", acc.User, acc.ID).
			WithHint("DROP USER it, then run CREATE AADUSER 'group name' without IDENTIFIED BY")
	case acc.Kind == midas.KindService && p.AppOnly:
		return refuse(mysqlerr.AccessDenied, midas.Forbidden,
			"user '%s' maps to client id %s but the token is for %s (object id %s)", acc.User, acc.ID, said(p.ClientID), said(p.ObjectID)).
			WithHint("an identity made anew has new ids: DROP USER and CREATE AADUSER again, IF NOT EXISTS keeps the old id")
	}
	return refuse(mysqlerr.AccessDenied, midas.Forbidden,
		"user '%s' maps to id %s but the token is for object id %s", acc.User, acc.ID, said(p.ObjectID)).
		WithHint("sign in with the name that was created for this identity; a group's member uses the group's name")
}

func said(id string) string {
	if id == "" {
		return "none"
	}
	return id
}
