package metadata_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/token"
)

// claims are those of the token that r is answered with.
func (w *world) claims(r request) token.Claims {
	w.Helper()
	_, c, err := token.DecodeUnverified(w.token(r)["access_token"])
	w.must(err)
	return c
}

// team makes a security group and returns its object id.
func (w *world) team(name string, members ...string) string {
	w.Helper()
	g, err := w.directory.CreateSecurityGroup(w.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: &name, Members: members})
	w.must(err)
	return g.ObjectID
}

// A token that is asked for after a group was joined, left or deleted says so, though one
// from before is good for a day.
func TestTokenNamesTheGroupsOfNow(t *testing.T) {
	w := newWorld(t)
	me := w.system().PrincipalID
	ask := w.imds()
	want := func(what string, groups ...string) {
		t.Helper()
		slices.Sort(groups)
		if got := w.claims(ask).Groups; !slices.Equal([]string(got), groups) {
			t.Errorf("%s: groups %v, not %v", what, got, groups)
		}
	}
	want("in none")
	inner := w.team("inner", me)
	want("in one", inner)
	outer := w.team("outer", inner)
	want("that one in another", inner, outer)
	w.must(w.directory.RemoveMember(t.Context(), nil, outer, inner))
	want("no more", inner)
	w.must(w.directory.AddMember(t.Context(), nil, outer, inner))
	want("again", inner, outer)
	_, err := w.directory.DeleteSecurityGroup(t.Context(), nil, outer)
	w.must(err)
	want("the other deleted", inner)
	w.must(w.directory.RemoveMember(t.Context(), nil, inner, me))
	want("left")
}

// The number of an identity's groups can be too large for a token, and come down by a
// change that is nowhere near the identity.
func TestTokenWithTooManyGroups(t *testing.T) {
	w := newWorld(t)
	inner := w.team("inner", w.system().PrincipalID)
	outer := w.team("outer", inner)
	for i := range 199 {
		outer = w.team("outer-"+strconv.Itoa(i), outer)
	}
	if c := w.claims(w.imds()); c.ClaimNames == nil {
		t.Fatalf("%d groups are named", len(c.Groups))
	}
	_, err := w.directory.DeleteSecurityGroup(t.Context(), nil, outer)
	w.must(err)
	if c := w.claims(w.imds()); len(c.Groups) != 200 {
		t.Errorf("%d groups are named, of 200", len(c.Groups))
	}
}

// The application behind a resource decides what tokens for it are, from the next one on.
func TestTokenFollowsItsResource(t *testing.T) {
	w := newWorld(t)
	w.system()
	ask := w.imds("resource", "api://Orders")
	ask.query = encode([]string{"api-version", "2018-02-01", "resource", "api://Orders"})
	want := func(version string) {
		t.Helper()
		if got := w.claims(ask).Version; got != version {
			t.Errorf("version %s, not %s", got, version)
		}
	}
	want("1.0")
	a, err := w.directory.RegisterApplication(t.Context(), nil, directory.ApplicationChange{
		Name: new("orders"), IdentifierURIs: &[]string{"api://orders"}, Body: []byte(`{"api":{"requestedAccessTokenVersion":2}}`),
	})
	w.must(err)
	want("2.0")
	_, err = w.directory.UpdateApplication(t.Context(), nil, a.ObjectID, directory.ApplicationChange{Body: []byte(`{"api":{"requestedAccessTokenVersion":1}}`)})
	w.must(err)
	want("1.0")
	_, err = w.directory.UpdateApplication(t.Context(), nil, a.ObjectID, directory.ApplicationChange{Body: []byte(`{"api":{"requestedAccessTokenVersion":2}}`)})
	w.must(err)
	want("2.0")
	_, err = w.directory.DeleteApplication(t.Context(), nil, a.ObjectID)
	w.must(err)
	want("1.0")
}

// watchedWorkloads counts what is read of a directory, and runs afterRead after each time.
type watchedWorkloads struct {
	metadata.Workloads
	machines, matches atomic.Int64
	afterRead         func()
}

func (w *watchedWorkloads) read(n *atomic.Int64) {
	n.Add(1)
	if f := w.afterRead; f != nil {
		w.afterRead = nil
		f()
	}
}

func (w *watchedWorkloads) WorkloadByVMID(ctx context.Context, id string) (midas.Workload, error) {
	defer w.read(&w.machines)
	return w.Workloads.WorkloadByVMID(ctx, id)
}

func (w *watchedWorkloads) WorkloadByID(ctx context.Context, id string) (midas.Workload, error) {
	defer w.read(&w.machines)
	return w.Workloads.WorkloadByID(ctx, id)
}

func (w *watchedWorkloads) WorkloadMatches(ctx context.Context) ([]directory.WorkloadMatch, error) {
	defer w.read(&w.matches)
	return w.Workloads.WorkloadMatches(ctx)
}

// What others change ends nothing that is remembered of a machine: neither its token, nor
// its identities, nor the matches of all.
func TestChangesOfOthersEndNothing(t *testing.T) {
	w := newWorld(t)
	watched := &watchedWorkloads{Workloads: w.directory}
	w.remake(func(c *metadata.Config) { c.Workloads = watched })
	w.system()
	_, _, err := w.directory.PutWorkloadMatch(t.Context(), nil, group, "myVM", "net", directory.WorkloadMatchInput{CIDR: "192.0.2.0/24"})
	w.must(err)
	byMatch := w.imds()
	byMatch.header.Del("X-Identity-Header")
	byMatch.remote = "192.0.2.7:1234"
	first := w.token(byMatch)["access_token"]
	machines, matches := watched.machines.Load(), watched.matches.Load()
	for i := range 20 {
		w.must(ignore(w.directory.PutVM(t.Context(), nil, group, "other", directory.Change{Location: "eastus", Tags: map[string]string{"n": strconv.Itoa(i)}})))
		w.must(ignore(w.directory.PutIdentity(t.Context(), nil, group, "other-"+strconv.Itoa(i), "eastus", nil)))
		w.team("team-" + strconv.Itoa(i))
		if w.token(byMatch)["access_token"] != first || w.token(w.imds())["access_token"] != first {
			t.Fatalf("another token after change %d", i)
		}
	}
	if got := watched.machines.Load() - machines; got != 0 {
		t.Errorf("the machine was read %d times", got)
	}
	if got := watched.matches.Load() - matches; got != 0 {
		t.Errorf("the workload matches were read %d times", got)
	}
}

func ignore[A, B any](_ A, _ B, err error) error { return err }

// A change that comes after something was read and before it is kept is seen by the next
// request.
func TestChangeBetweenReadingAndKeeping(t *testing.T) {
	w := newWorld(t)
	watched := &watchedWorkloads{Workloads: w.directory}
	w.remake(func(c *metadata.Config) { c.Workloads = watched })
	w.system()
	watched.afterRead = func() {
		_, err := w.directory.UpdateVMIdentity(t.Context(), w.vm.ID, directory.IdentityPatch{Type: "None"})
		w.must(err)
	}
	w.send(w.imds()) // either answer is right: the change was not acknowledged before it
	if out := w.send(w.imds()); out.Code == http.StatusOK {
		t.Error("a token of an identity that the machine has no more")
	}
	byMatch := w.imds()
	byMatch.header.Del("X-Identity-Header")
	byMatch.remote = "192.0.2.7:1234"
	w.system()
	w.must(ignore(w.directory.PutWorkloadMatch(t.Context(), nil, group, "myVM", "net", directory.WorkloadMatchInput{CIDR: "192.0.2.0/24"})))
	w.token(w.imds())
	watched.afterRead = func() {
		_, err := w.directory.DeleteWorkloadMatch(t.Context(), nil, group, "myVM", "net")
		w.must(err)
	}
	w.send(byMatch)
	if out := w.send(byMatch); out.Code != http.StatusUnauthorized {
		t.Errorf("status %d for a workload match that is no machine's any more", out.Code)
	}
}

// leavingMinter takes the principal out of its group as soon as a token was signed.
type leavingMinter struct {
	midas.Minter
	leave func()
}

func (m *leavingMinter) Mint(ctx context.Context, r midas.TokenRequest) (midas.Token, error) {
	t, err := m.Minter.Mint(ctx, r)
	if m.leave != nil {
		m.leave()
		m.leave = nil
	}
	return t, err
}

func TestChangeWhileTokenIsSigned(t *testing.T) {
	w := newWorld(t)
	me := w.system().PrincipalID
	g := w.team("team", me)
	m := &leavingMinter{Minter: w.config.Minter, leave: func() { w.must(w.directory.RemoveMember(t.Context(), nil, g, me)) }}
	w.remake(func(c *metadata.Config) { c.Minter = m })
	w.token(w.imds())
	if c := w.claims(w.imds()); len(c.Groups) != 0 {
		t.Errorf("a token that names groups %v, which were left", c.Groups)
	}
}

// A listener of a machine's own is that machine's, whichever way its id is spelled, and
// of the one that was made anew under the id.
func TestOwnListenerOfMachineMadeAgain(t *testing.T) {
	w := newWorld(t)
	old := w.system()
	own := w.endpoint.Own(w.vm.ID + "/")
	ask := func() (int, string) {
		in := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/metadata/identity/oauth2/token?"+w.imds().query, nil)
		in.Header.Set("Metadata", "true")
		out := httptest.NewRecorder()
		own.ServeHTTP(out, in)
		var answer map[string]string
		w.must(json.Unmarshal(out.Body.Bytes(), &answer))
		return out.Code, answer["access_token"]
	}
	if code, body := ask(); code != http.StatusOK {
		t.Fatalf("status %d: %s", code, body)
	}
	_, err := w.directory.DeleteVM(t.Context(), nil, group, "myVM")
	w.must(err)
	if code, _ := ask(); code != http.StatusUnauthorized {
		t.Errorf("status %d for a machine that was deleted", code)
	}
	w.must(ignore(w.directory.PutVM(t.Context(), nil, group, "myVM", w.change("SystemAssigned"))))
	code, body := ask()
	if _, c, err := token.DecodeUnverified(body); code != http.StatusOK || err != nil || c.ObjectID == old.PrincipalID {
		t.Errorf("status %d for a machine that was made again, object id %s: %v", code, c.ObjectID, err)
	}
}
