// Package midas holds the words of the product: who exists (Identity, Workload,
// Server), who is speaking (Principal), what is carried (Token), what was decided
// (SignIn), and the few interfaces through which the parts meet.
//
// It imports only the standard library and knows none of its parts: every other
// package may import it, and two parts that need each other meet here instead.
package midas

import (
	"context"
	"time"
)

// Resource is the audience that Azure Database for MySQL expects in a token, byte
// for byte and without a trailing slash.
// Source: Azure CLI cloud definition, ossrdbms_resource_id.
const Resource = "https://ossrdbms-aad.database.windows.net"

// ResourceAppID is the application id of the first-party application behind
// Resource; version 2 tokens carry it as their audience.
const ResourceAppID = "123cd850-d9df-40bd-94d5-c9f07b7fa203"

// Identity is a service principal that needs no secret: a managed identity.
type Identity struct {
	ResourceID  string // ARM id; for a system-assigned identity, the workload's own
	TenantID    string
	ClientID    string // application id, claim "appid"
	PrincipalID string // object id, claims "oid" and "sub"
}

// User is a person of the directory.
type User struct {
	ObjectID, TenantID                    string
	UPN                                   string // user principal name
	DisplayName, GivenName, Surname, Mail string
	Guest                                 bool
	// Stamp rises when the password changes, the account is disabled or its sign-ins are
	// revoked: a sign-in holds while it is as it was then.
	Stamp int64
}

// Workload is a thing that may ask for tokens: a virtual machine.
type Workload struct {
	ResourceID   string // ARM id
	VMID         string // new for each creation, so a recreated VM is another workload
	Name         string
	Location     string
	System       *Identity // nil when there is no system-assigned identity
	UserAssigned []Identity
	Tags         map[string]string
	// Body is a JSON object in Resource Manager's form: what the machine's maker said
	// of its size, image and operating system.
	Body []byte
}

// Server is one MySQL server as the identity plane knows it.
type Server struct {
	ResourceID string // ARM id
	UniqueID   string // new for each creation, so a recreated server is another one
	Name       string // "mydb"
	FQDN       string // "mydb.mysql.database.azure.com"
	Created    time.Time
	Admin      *Administrator
	AADOnly    bool // parameter aad_auth_only: no password sign-in at all
}

// Administrator is the one Microsoft Entra administrator of a server.
type Administrator struct {
	Login    string // MySQL user name it signs in with
	ObjectID string // object id or, for a managed identity, also its client id
	TenantID string
}

// PrincipalKind says what a directory object is.
type PrincipalKind string

// The kinds of directory object that can become a database user.
const (
	KindUser    PrincipalKind = "User"
	KindGroup   PrincipalKind = "Group"
	KindService PrincipalKind = "ServicePrincipal" // managed identities included
)

// DirectoryObject is a user, group or service principal as the directory lists it.
type DirectoryObject struct {
	Kind     PrincipalKind
	ObjectID string
	ClientID string // service principals only
	Name     string // user principal name, group name, or display name
}

// Principal is who a verified token speaks for. Only token verification makes one.
type Principal struct {
	Issuer   string
	TenantID string
	ObjectID string // claim "oid"
	Subject  string // claim "sub"
	ClientID string // claim "appid" (version 1) or "azp" (version 2)
	// AppOnly is true when the application speaks for itself. A delegated (user)
	// token names the client application too, and must never match by ClientID.
	AppOnly bool
	Name    string   // for display and logs only: names are not identity
	Groups  []string // object ids of the claim "groups"
	// GroupsOmitted is true when the issuer left Groups out for their number.
	GroupsOmitted bool
	TokenID       string // claim "uti" or "jti", for the audit log
	Audience      string
	NotBefore     time.Time
	Expiry        time.Time
}

// Token is a signed access token, ready to be carried.
type Token struct {
	Raw       string
	KeyID     string // of the key that signed it, from a Minter; "" where it is not known
	Resource  string
	NotBefore time.Time
	Expiry    time.Time
}

// TokenRequest asks for a token of Identity for Resource.
type TokenRequest struct {
	Identity Identity
	Resource string // becomes the audience exactly as given
	// Host is the ARM id of the workload that asked, empty outside a workload.
	Host string
	// Lifetime is zero for the issuer's default.
	Lifetime time.Duration
	// Expired asks for a token that was good until an hour ago, for tests of programs.
	Expired bool
}

// Minter signs tokens. It answers at once and from memory; errors are Internal.
type Minter interface {
	Mint(ctx context.Context, r TokenRequest) (Token, error)
}

// Verifier tells whose token raw is. A refusal says, through
// errors.As with *Error, whether its reason may be shown (Error.Public).
type Verifier interface {
	Verify(ctx context.Context, raw string) (Principal, error)
}

// Outcome is what became of a sign-in.
type Outcome string

// The outcomes of a sign-in.
const (
	Admitted Outcome = "admitted"
	Refused  Outcome = "refused"
	// Undecided is a sign-in that midas or the database behind it could not decide: a
	// fault of theirs, whatever the client sent.
	Undecided Outcome = "unavailable"
)

// SignIn is the audit record of one sign-in at the gateway. It never holds a secret.
type SignIn struct {
	Time      time.Time
	Remote    string
	Server    string
	User      string // the name asked for
	Account   string // the backend account, when admitted
	Principal Principal
	Outcome   Outcome
	Reason    string
	Hint      string // what to do about it, where midas knows
}

// FederatedCredential lets tokens of an outside issuer stand for an identity: all three
// compare exactly.
type FederatedCredential struct {
	Name      string
	Issuer    string
	Subject   string
	Audiences []string
}
