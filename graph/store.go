package graph

import (
	"context"
	"time"

	"github.com/midas-mysql/midas/directory"
)

// Directory is what the API needs of a store of the identity plane, area by area.
// *directory.Directory is one; another passes the suite of package directorytest.
type Directory interface {
	Tenant
	Judge
	Users
	Groups
	Memberships
	Objects
	Applications
	ServicePrincipals
	ByClientID
	Credentials
	ApplicationFederation
}

// Tenant names the tenant and its subscription.
type Tenant interface {
	Tenant() (tenantID, subscriptionID string)
}

// Judge tells whether a principal is enabled, and what it may do.
type Judge interface {
	Active(ctx context.Context, objectID string) (active bool, err error)
	Allowed(ctx context.Context, principalID, action, scope string) (bool, error)
}

// Users keeps people.
type Users interface {
	Users(ctx context.Context, q directory.Query) (directory.Page[directory.User], error)
	GetUser(ctx context.Context, id string) (u directory.User, err error)
	CreateUser(ctx context.Context, by *directory.Operation, c directory.UserChange) (u directory.User, err error)
	UpdateUser(ctx context.Context, by *directory.Operation, id string, c directory.UserChange) (directory.User, error)
	DeleteUser(ctx context.Context, by *directory.Operation, id string) (existed bool, err error)
}

// Groups keeps security groups.
type Groups interface {
	SecurityGroups(ctx context.Context, q directory.Query) (directory.Page[directory.SecurityGroup], error)
	GetSecurityGroup(ctx context.Context, id string) (g directory.SecurityGroup, err error)
	CreateSecurityGroup(ctx context.Context, by *directory.Operation, c directory.SecurityGroupChange) (g directory.SecurityGroup, err error)
	UpdateSecurityGroup(ctx context.Context, by *directory.Operation, id string, c directory.SecurityGroupChange) (g directory.SecurityGroup, err error)
	DeleteSecurityGroup(ctx context.Context, by *directory.Operation, id string) (existed bool, err error)
}

// Memberships keeps who is in a group, and who owns an object.
type Memberships interface {
	AddMember(ctx context.Context, by *directory.Operation, groupID, memberID string) error
	RemoveMember(ctx context.Context, by *directory.Operation, groupID, memberID string) error
	AddOwner(ctx context.Context, by *directory.Operation, ownedID, ownerID string) error
	RemoveOwner(ctx context.Context, by *directory.Operation, ownedID, ownerID string) error
	MemberGroups(ctx context.Context, objectID string) ([]string, error)
}

// Objects finds objects of every kind.
type Objects interface {
	Objects(ctx context.Context, ids []string) (all []directory.Object, err error)
	Related(ctx context.Context, from string, r directory.Relation, q directory.Query) (page directory.Page[directory.Object], err error)
}

// Applications keeps application objects.
type Applications interface {
	Applications(ctx context.Context, q directory.Query) (directory.Page[directory.Application], error)
	GetApplication(ctx context.Context, objectID string) (a directory.Application, err error)
	RegisterApplication(ctx context.Context, by *directory.Operation, c directory.ApplicationChange) (a directory.Application, err error)
	UpdateApplication(ctx context.Context, by *directory.Operation, objectID string, c directory.ApplicationChange) (a directory.Application, err error)
	DeleteApplication(ctx context.Context, by *directory.Operation, objectID string) (existed bool, err error)
}

// ServicePrincipals keeps service principals.
type ServicePrincipals interface {
	ServicePrincipals(ctx context.Context, q directory.Query) (directory.Page[directory.ServicePrincipal], error)
	GetServicePrincipal(ctx context.Context, objectID string) (p directory.ServicePrincipal, err error)
	CreateServicePrincipal(ctx context.Context, by *directory.Operation, clientID string, c directory.ServicePrincipalChange) (p directory.ServicePrincipal, err error)
	UpdateServicePrincipal(ctx context.Context, by *directory.Operation, objectID string, c directory.ServicePrincipalChange) (p directory.ServicePrincipal, err error)
	DeleteServicePrincipal(ctx context.Context, by *directory.Operation, objectID string) (existed bool, err error)
}

// ByClientID finds applications and service principals by client id.
type ByClientID interface {
	ApplicationByClientID(ctx context.Context, clientID string) (a directory.Application, err error)
	ServicePrincipalByClientID(ctx context.Context, clientID string) (p directory.ServicePrincipal, err error)
}

// Credentials keeps the secrets and certificates of applications and service principals.
type Credentials interface {
	AddSecret(ctx context.Context, by *directory.Operation, ownerID, name string, starts, ends time.Time) (s directory.Secret, text string, err error)
	RemoveSecret(ctx context.Context, by *directory.Operation, ownerID, keyID string) error
	Secrets(ctx context.Context, ownerID string) ([]directory.Secret, error)
	CertificatesOf(ctx context.Context, ownerID string) (all []directory.Certificate, err error)
}

// ApplicationFederation keeps the outside tokens that stand for an application.
type ApplicationFederation interface {
	ApplicationFederation(ctx context.Context, objectID string) (all []directory.FederatedCredential, err error)
	CreateApplicationFederation(ctx context.Context, by *directory.Operation, objectID string, c directory.FederatedCredential) (kept directory.FederatedCredential, err error)
	UpdateApplicationFederation(ctx context.Context, by *directory.Operation, objectID, which string, change func(*directory.FederatedCredential) error) (kept directory.FederatedCredential, err error)
	DeleteApplicationFederation(ctx context.Context, by *directory.Operation, objectID, which string) (existed bool, err error)
}
