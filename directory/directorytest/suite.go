package directorytest

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/seed"
)

// Store is what the parts ask of a store, together.
type Store interface {
	arm.Directory
	graph.Directory
	seed.Directory
	Issuer
	metadata.Workloads
	Gateway
	io.Closer
}

// Issuer is what the issuer asks of a store.
type Issuer interface {
	issuer.Applications
	issuer.People
	issuer.Grants
	issuer.Resources
	AssignOwner(ctx context.Context, principalID string) error
}

// Gateway is what the gateway asks of a store.
type Gateway interface {
	Server(ctx context.Context, name string) (midas.Server, error)
	ObjectByName(ctx context.Context, name string) (midas.DirectoryObject, error)
}

// Open returns an empty store whose clock is now. Stores that are opened with the same folder
// are of one tenant and see each other's changes, also after one was closed.
type Open func(t *testing.T, folder string, now func() time.Time) Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*world)
	}{
		{"a tenant is the same when a store is opened again", (*world).testTenant},
		{"resource groups", (*world).testGroups},
		{"identities are new when they are made anew", (*world).testIdentities},
		{"machines and the identities that they have", (*world).testMachines},
		{"a workload match is of one machine", (*world).testWorkloadMatches},
		{"servers, their administrators and parameters", (*world).testServers},
		{"resources without a meaning, and tags", (*world).testOpaqueResources},
		{"lists come in pages", (*world).testPages},
		{"outside tokens that stand for an identity", (*world).testFederation},
		{"roles hold at a scope and below, also through groups", (*world).testRoles},
		{"an operation is judged in the transaction of its change", (*world).testOperations},
		{"locks and preconditions refuse an operation", (*world).testLocks},
		{"people and their passwords", (*world).testUsers},
		{"groups within groups", (*world).testMemberships},
		{"applications and their secrets", (*world).testApplications},
		{"grants are used once", (*world).testGrants},
		{"the feed names each change", (*world).testFeed},
		{"the feed is complete while several write", (*world).testFeedOfManyWriters},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &world{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), open: open, folder: t.TempDir()}
			w.Store = w.another()
			c.test(w)
		})
	}
}

// world is a store, and what is needed to try it out.
type world struct {
	*testing.T
	Store
	now    time.Time
	open   Open
	folder string
}

// another opens the same store once more.
func (w *world) another() Store {
	w.Helper()
	s := w.open(w.T, w.folder, func() time.Time { return w.now })
	w.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// want ends the test unless err is of that class.
func (w *world) want(err error, code midas.Code) {
	w.Helper()
	if err == nil || midas.CodeOf(err) != code {
		w.Fatalf("%v (%s), want %s", err, midas.CodeOf(err), code)
	}
}

// done drops the results of a call that only its error matters of.
func done[A, B any](_ A, _ B, err error) error { return err }

func (w *world) group(name string) directory.Group {
	w.Helper()
	g, _, err := w.PutGroup(w.Context(), nil, name, "eastus", nil)
	w.must(err)
	return g
}

func (w *world) identity(name string) directory.ManagedIdentity {
	w.Helper()
	id, _, err := w.PutIdentity(w.Context(), nil, "rg", name, "eastus", nil)
	w.must(err)
	return id
}

func (w *world) user(name string) directory.User {
	w.Helper()
	u, err := w.CreateUser(w.Context(), nil, directory.UserChange{
		UPN: new(name + "@example.com"), DisplayName: &name, MailNickname: &name, Password: new("correct horse 42"),
	})
	w.must(err)
	return u
}

func (w *world) securityGroup(name string, members ...string) directory.SecurityGroup {
	w.Helper()
	g, err := w.CreateSecurityGroup(w.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: &name, Members: members})
	w.must(err)
	return g
}

// assign gives a principal one of Azure's roles at a scope.
func (w *world) assign(n byte, principal, role, scope string) directory.RoleAssignment {
	w.Helper()
	at := slices.IndexFunc(w.Roles(), func(r directory.Role) bool { return r.Name == role })
	if at < 0 {
		w.Fatalf("there is no role %s", role)
	}
	a, _, err := w.PutRoleAssignment(w.Context(), nil, directory.RoleAssignment{
		Name: "aaaaaaaa-0000-4000-8000-00000000000" + string('0'+n), RoleID: w.Roles()[at].ID, PrincipalID: principal, Scope: scope,
	}, "")
	w.must(err)
	return a
}

func (w *world) subscription() string {
	_, id := w.Tenant()
	return "/subscriptions/" + id
}

func names[T any](all []T, name func(T) string) string {
	var out []string
	for _, one := range all {
		out = append(out, name(one))
	}
	return strings.Join(out, " ")
}
