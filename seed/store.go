package seed

import (
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// Directory is what a world is made in, area by area. *directory.Directory is one; another
// passes the suite of package directorytest.
type Directory interface {
	Tenant
	Groups
	Identities
	Machines
	Servers
	ServerSettings
	Users
	Objects
	Roles
}

// Trial is a copy of a directory, on which a world is tried out.
type Trial interface {
	Directory
	Close() error
}

// Tenant names the tenant and its subscription.
type Tenant interface {
	Tenant() (tenantID, subscriptionID string)
}

// Groups keeps resource groups.
type Groups interface {
	GetGroup(ctx context.Context, name string) (g directory.Group, err error)
	PutGroup(ctx context.Context, by *directory.Operation, name, where string, tags map[string]string) (g directory.Group, created bool, err error)
}

// Identities keeps user-assigned identities.
type Identities interface {
	GetIdentity(ctx context.Context, group, name string) (m directory.ManagedIdentity, err error)
	PutIdentity(ctx context.Context, by *directory.Operation, group, name, location string, tags map[string]string) (m directory.ManagedIdentity, created bool, err error)
	PatchIdentity(ctx context.Context, by *directory.Operation, group, name string, tags map[string]string) (m directory.ManagedIdentity, err error)
	IdentityFederation(ctx context.Context, group, identity string) (all []directory.FederatedCredential, err error)
	PutIdentityFederation(ctx context.Context, by *directory.Operation, group, identity string, c directory.FederatedCredential) (kept directory.FederatedCredential, created bool, err error)
}

// Machines keeps virtual machines.
type Machines interface {
	GetVM(ctx context.Context, group, name string) (v directory.VM, err error)
	PutVM(ctx context.Context, by *directory.Operation, group, name string, c directory.Change) (v directory.VM, created bool, err error)
	PatchVM(ctx context.Context, by *directory.Operation, group, name string, c directory.Change) (v directory.VM, err error)
}

// Servers keeps MySQL servers.
type Servers interface {
	GetServer(ctx context.Context, group, name string) (s directory.Server, err error)
	PutServer(ctx context.Context, by *directory.Operation, group, name string, c directory.ServerChange) (s directory.Server, created bool, err error)
	PatchServer(ctx context.Context, by *directory.Operation, group, name string, c directory.ServerChange) (s directory.Server, err error)
}

// ServerSettings keeps the administrator and the parameters of a server.
type ServerSettings interface {
	SetAdministrator(ctx context.Context, by *directory.Operation, group, server string, a directory.Administrator) (out directory.Administrator, created bool, err error)
	Parameter(ctx context.Context, group, server, name string) (directory.Parameter, error)
	SetParameter(ctx context.Context, by *directory.Operation, group, server, name, value string) (out directory.Parameter, err error)
}

// Users keeps people.
type Users interface {
	GetUser(ctx context.Context, id string) (u directory.User, err error)
	CreateUser(ctx context.Context, by *directory.Operation, c directory.UserChange) (u directory.User, err error)
	UpdateUser(ctx context.Context, by *directory.Operation, id string, c directory.UserChange) (directory.User, error)
}

// Objects finds objects, and creates those that are no people.
type Objects interface {
	ObjectByID(ctx context.Context, id string) (midas.DirectoryObject, error)
	Named(ctx context.Context, kind midas.PrincipalKind, name string) ([]midas.DirectoryObject, error)
	CreateApplication(ctx context.Context, name string) (p directory.ServicePrincipal, secret string, err error)
	CreateSecurityGroup(ctx context.Context, by *directory.Operation, c directory.SecurityGroupChange) (g directory.SecurityGroup, err error)
	SetMembers(ctx context.Context, groupID string, ids []string) (changed bool, err error)
}

// Roles keeps who has which role where.
type Roles interface {
	Roles() []directory.Role
	PutRoleAssignment(ctx context.Context, by *directory.Operation, a directory.RoleAssignment, creator string) (out directory.RoleAssignment, created bool, err error)
}
