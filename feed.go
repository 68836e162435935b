package midas

import "context"

// Change says that the thing of that kind and id was made, changed or removed. Ids are in
// lower case.
type Change struct {
	Revision uint64 // rises from change to change
	Kind     ChangeKind
	ID       string
}

// ChangeKind says what a Change is about, and by what its ID names it.
type ChangeKind string

// The kinds of change. What is removed together with something else is named too.
const (
	// ChangeAll stands for more than could be listed: whatever is remembered may be wrong.
	ChangeAll ChangeKind = "all"
	// ChangePrincipal is about a user or service principal, by object id: itself, or the
	// groups that it is directly in.
	ChangePrincipal ChangeKind = "principal"
	// ChangeGroup is about a security group, by object id: itself, or the groups that it
	// is directly in. The groups of a principal, nested ones included, are the same as
	// long as neither the principal nor any of those groups changes.
	ChangeGroup ChangeKind = "group"
	// ChangeMembers is about the direct members of a security group, by its object id.
	// Each member that came or went is named by a change of its own.
	ChangeMembers ChangeKind = "members"
	// ChangeApplication is about an application object, by client id.
	ChangeApplication ChangeKind = "application"
	// ChangeAudience is about what tokens for a resource say, by a name of the resource:
	// a client id, the same after "api://", or an identifier URI.
	ChangeAudience ChangeKind = "audience"
	// ChangeCredential is about the secrets and certificates of an application or service
	// principal, by object id.
	ChangeCredential ChangeKind = "credential"
	// ChangeFederatedCredential is about the outside tokens that stand for an application
	// or identity, by its client id.
	ChangeFederatedCredential ChangeKind = "federated-credential"
	// ChangeServer is about a MySQL server, its administrator and parameters, by ARM id.
	ChangeServer ChangeKind = "server"
	// ChangeWorkload is about a virtual machine and the identities that it has, by ARM id.
	ChangeWorkload ChangeKind = "workload"
	// ChangeWorkloadMatch is about the matches of a virtual machine, by its ARM id.
	ChangeWorkloadMatch ChangeKind = "recognition" // as states have it already
	// ChangeRoleAssignment is about the roles of a principal, by object id.
	ChangeRoleAssignment ChangeKind = "role-assignment"
	// ChangeLock is about the locks at a scope, by ARM id.
	ChangeLock ChangeKind = "lock"
	// ChangeResource is about a resource group or a resource with no kind of its own, by
	// ARM id.
	ChangeResource ChangeKind = "resource"
	// ChangeOther is about anything else; its ID says what.
	ChangeOther ChangeKind = "other"
)

// Feed is what changed in a directory, in order. A consumer remembers the revision of the
// last answer, and before it uses what it made from the directory it drops what the changes
// since then name. It has to ask again before it reads the directory anew: a change that
// is committed in between is then named by the next answer.
type Feed interface {
	// Changes returns what changed after revision after, oldest first, and the revision
	// up to which the answer is complete. A change that was acknowledged before the call
	// is in it. A single Change of kind ChangeAll means that the history does not reach
	// back to after: everything that is remembered has to be dropped.
	Changes(ctx context.Context, after uint64) (changes []Change, upTo uint64, err error)
}
