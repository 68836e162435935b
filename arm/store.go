package arm

import (
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// Directory is what the API needs of a store of the identity plane, area by area.
// *directory.Directory is one; another passes the suite of package directorytest.
type Directory interface {
	Tenant
	Judge
	ActivityLog
	Groups
	Identities
	IdentityLists
	IdentityFederation
	Machines
	MachineLists
	WorkloadMatches
	Servers
	ServerLists
	ServerSettings
	OpaqueResources
	Tags
	Roles
	RoleAssignments
	Locks
}

// Tenant names the tenant and its subscription.
type Tenant interface {
	Tenant() (tenantID, subscriptionID string)
}

// Judge tells what a principal may do, and whether an operation may be done.
type Judge interface {
	Access(ctx context.Context, principalID string) (a directory.Access, err error)
	Admit(ctx context.Context, o *directory.Operation) error
}

// ActivityLog keeps what was done and what was refused.
type ActivityLog interface {
	Note(o *directory.Operation, status int, code string, changed bool)
	Activities(ctx context.Context, f directory.ActivityFilter) (all []directory.Activity, next int64, err error)
	ActivityByID(ctx context.Context, id string) (a directory.Activity, err error)
}

// Groups keeps resource groups.
type Groups interface {
	GetGroup(ctx context.Context, name string) (g directory.Group, err error)
	ListGroups(ctx context.Context) ([]directory.Group, error)
	PutGroup(ctx context.Context, by *directory.Operation, name, where string, tags map[string]string) (g directory.Group, created bool, err error)
	PatchGroup(ctx context.Context, by *directory.Operation, name string, tags map[string]string) (g directory.Group, err error)
	DeleteGroup(ctx context.Context, by *directory.Operation, name string) (existed bool, err error)
}

// Identities keeps user-assigned identities.
type Identities interface {
	GetIdentity(ctx context.Context, group, name string) (m directory.ManagedIdentity, err error)
	PutIdentity(ctx context.Context, by *directory.Operation, group, name, location string, tags map[string]string) (m directory.ManagedIdentity, created bool, err error)
	PatchIdentity(ctx context.Context, by *directory.Operation, group, name string, tags map[string]string) (m directory.ManagedIdentity, err error)
	DeleteIdentity(ctx context.Context, by *directory.Operation, group, name string) (existed bool, err error)
	CanonicalIdentityID(id string) (canonical string, ok bool)
}

// IdentityLists lists user-assigned identities, and what they are assigned to.
type IdentityLists interface {
	ListIdentities(ctx context.Context, group string) ([]directory.ManagedIdentity, error)
	PageIdentities(ctx context.Context, group string, part directory.Span) ([]directory.ManagedIdentity, error)
	AssignedResources(ctx context.Context, group, name string) ([]directory.AssignedResource, error)
}

// IdentityFederation keeps the outside tokens that stand for an identity.
type IdentityFederation interface {
	IdentityFederation(ctx context.Context, group, identity string) (all []directory.FederatedCredential, err error)
	PutIdentityFederation(ctx context.Context, by *directory.Operation, group, identity string, c directory.FederatedCredential) (kept directory.FederatedCredential, created bool, err error)
	DeleteIdentityFederation(ctx context.Context, by *directory.Operation, group, identity, name string) (existed bool, err error)
}

// Machines keeps virtual machines.
type Machines interface {
	GetVM(ctx context.Context, group, name string) (v directory.VM, err error)
	PutVM(ctx context.Context, by *directory.Operation, group, name string, c directory.Change) (v directory.VM, created bool, err error)
	PatchVM(ctx context.Context, by *directory.Operation, group, name string, c directory.Change) (v directory.VM, err error)
	DeleteVM(ctx context.Context, by *directory.Operation, group, name string) (existed bool, err error)
	WorkloadByID(ctx context.Context, resourceID string) (midas.Workload, error)
}

// MachineLists lists virtual machines.
type MachineLists interface {
	ListVMs(ctx context.Context, group string) ([]directory.VM, error)
	PageVMs(ctx context.Context, group string, part directory.Span) ([]directory.VM, error)
}

// WorkloadMatches keeps what machines are recognised by.
type WorkloadMatches interface {
	GetWorkloadMatch(ctx context.Context, group, vm, name string) (r directory.WorkloadMatch, err error)
	ListWorkloadMatches(ctx context.Context, group, vm string) (all []directory.WorkloadMatch, err error)
	PutWorkloadMatch(ctx context.Context, by *directory.Operation, group, vm, name string, m directory.WorkloadMatchInput) (r directory.WorkloadMatch, created bool, err error)
	DeleteWorkloadMatch(ctx context.Context, by *directory.Operation, group, vm, name string) (existed bool, err error)
}

// Servers keeps MySQL servers.
type Servers interface {
	GetServer(ctx context.Context, group, name string) (s directory.Server, err error)
	PutServer(ctx context.Context, by *directory.Operation, group, name string, c directory.ServerChange) (s directory.Server, created bool, err error)
	PatchServer(ctx context.Context, by *directory.Operation, group, name string, c directory.ServerChange) (s directory.Server, err error)
	DeleteServer(ctx context.Context, by *directory.Operation, group, name string) (existed bool, err error)
	UndoServer(ctx context.Context, s directory.Server) error
}

// ServerLists lists MySQL servers.
type ServerLists interface {
	ListServers(ctx context.Context, group string) ([]directory.Server, error)
	PageServers(ctx context.Context, group string, part directory.Span) ([]directory.Server, error)
	Servers(ctx context.Context) ([]midas.Server, error)
}

// ServerSettings keeps the administrator and the parameters of a server.
type ServerSettings interface {
	SetAdministrator(ctx context.Context, by *directory.Operation, group, server string, a directory.Administrator) (out directory.Administrator, created bool, err error)
	DeleteAdministrator(ctx context.Context, by *directory.Operation, group, server string) (existed bool, err error)
	Parameter(ctx context.Context, group, server, name string) (directory.Parameter, error)
	Parameters(ctx context.Context, group, server string) ([]directory.Parameter, error)
	SetParameter(ctx context.Context, by *directory.Operation, group, server, name, value string) (out directory.Parameter, err error)
}

// OpaqueResources keeps resources that have no meaning here.
type OpaqueResources interface {
	GetOpaque(ctx context.Context, kind, group, name string) (r directory.Resource, err error)
	ListOpaque(ctx context.Context, kind, group string) ([]directory.Resource, error)
	PutOpaque(ctx context.Context, by *directory.Operation, kind, group, name string, c directory.Change) (r directory.Resource, created bool, err error)
	DeleteOpaque(ctx context.Context, by *directory.Operation, kind, group, name string) (existed bool, err error)
}

// Tags keeps the tags of resources and groups.
type Tags interface {
	Tags(ctx context.Context, scope string) (tags map[string]string, err error)
	SetTags(ctx context.Context, by *directory.Operation, scope string, change func(map[string]string) map[string]string) (tags map[string]string, err error)
}

// Roles lists role definitions.
type Roles interface {
	Role(id string) (directory.Role, error)
	Roles() []directory.Role
}

// RoleAssignments keeps who has which role where.
type RoleAssignments interface {
	GetRoleAssignment(ctx context.Context, at, name string) (a directory.RoleAssignment, err error)
	RoleAssignments(ctx context.Context, f directory.AssignmentFilter) ([]directory.RoleAssignment, error)
	PutRoleAssignment(ctx context.Context, by *directory.Operation, a directory.RoleAssignment, creator string) (out directory.RoleAssignment, created bool, err error)
	DeleteRoleAssignment(ctx context.Context, by *directory.Operation, at, name string) (a directory.RoleAssignment, existed bool, err error)
}

// Locks keeps locks.
type Locks interface {
	GetLock(ctx context.Context, at, name string) (l directory.Lock, err error)
	Locks(ctx context.Context, scope string, below bool) ([]directory.Lock, error)
	PutLock(ctx context.Context, by *directory.Operation, l directory.Lock) (out directory.Lock, created bool, err error)
	DeleteLock(ctx context.Context, by *directory.Operation, at, name string) (existed bool, err error)
}
