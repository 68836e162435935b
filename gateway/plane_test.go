package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
)

// counted counts what the gateway asks the directory and its account stores.
type counted struct {
	*world
	gateway.Accounts
	directory, lookups, inventories *atomic.Int64
}

func (c counted) Server(ctx context.Context, name string) (midas.Server, error) {
	c.directory.Add(1)
	return c.world.directory.Server(ctx, name)
}

func (c counted) Servers(ctx context.Context) ([]midas.Server, error) {
	c.directory.Add(1)
	return c.world.directory.Servers(ctx)
}

func (c counted) Lookup(ctx context.Context, user string) ([]account.Account, error) {
	c.lookups.Add(1)
	return c.Accounts.Lookup(ctx, user)
}

func (c counted) Live(ctx context.Context, maxAge time.Duration) (map[string]account.Account, time.Time, error) {
	c.inventories.Add(1)
	return c.Accounts.Live(ctx, maxAge)
}

// count makes the next gateway's questions counted, and w.rounds wait for rounds of recheck.
func (w *world) count() counted {
	c := counted{world: w, directory: new(atomic.Int64), lookups: new(atomic.Int64), inventories: new(atomic.Int64)}
	w.servers = c
	w.exists = func(ctx context.Context, p midas.Principal) (bool, error) {
		c.directory.Add(1)
		return w.active(ctx, p)
	}
	w.groups = func(ctx context.Context, p midas.Principal) ([]string, bool, error) {
		c.directory.Add(1)
		return w.memberGroups(ctx, p)
	}
	w.wrapAccounts = func(a gateway.Accounts) gateway.Accounts {
		c := c
		c.Accounts = a
		return c
	}
	w.rounds = func(n int64) {
		w.Helper()
		until := c.inventories.Load() + n
		w.eventually("rounds have passed", func() bool { return c.inventories.Load() >= until })
	}
	return c
}

// unrelated writes to the directory what no session depends on.
func (w *world) unrelated(n int) {
	w.Helper()
	_, _, err := w.directory.PutGroup(w.Context(), nil, "other", "eastus", map[string]string{"n": fmt.Sprint(n)})
	w.must(err)
	_, _, err = w.directory.PutIdentity(w.Context(), nil, "other", fmt.Sprintf("other%d", n), "eastus", nil)
	w.must(err)
}

// TestWarmSignInAsksTheDirectoryNothing: what a sign-in needs is remembered until the feed
// names it. The feed of a directory that was opened Alone answers from memory.
func TestWarmSignInAsksTheDirectoryNothing(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = time.Hour
	c := w.count()
	w.startGateway()
	user, id := w.user("app")
	team := w.team(w.name("team"), id.PrincipalID)
	w.exec(w.asAdmin(), "CREATE AADUSER '"+team.Name+"'")
	raw := w.token(id)
	signIn := func(as string) { w.Helper(); w.must(w.open(as, raw).Ping()) }
	signIn(user)
	signIn(team.Name)
	c.directory.Store(0)
	for n := range 20 {
		w.unrelated(n)
		signIn(user)
		signIn(team.Name)
		signIn(user + "@mydb")
		signIn(user + "@MyDB.mysql.database.azure.com")
	}
	if n := c.directory.Load(); n != 0 {
		t.Errorf("the directory was asked %d times", n)
	}
	// What a sign-in depends on is seen at once.
	w.must(w.directory.RemoveMember(t.Context(), nil, team.ObjectID, id.PrincipalID))
	w.refused(w.open(team.Name, raw).Ping(), 9106)
	w.must(w.directory.AddMember(t.Context(), nil, team.ObjectID, id.PrincipalID))
	signIn(team.Name)
	_, _, err := w.directory.PutServer(t.Context(), nil, tenantGroup, "another", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	w.must(err)
	w.refused(w.open(user, raw).Ping(), 1045, "2 servers are behind this address")
	_, err = w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app")
	w.must(err)
	w.refused(w.open(user+"@mydb", raw).Ping(), 1045, "was deleted")
}

// TestRecheckAsksAboutChangesAlone: the directory about what the feed names, the backend
// once for all accounts of a server.
func TestRecheckAsksAboutChangesAlone(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = 20 * time.Millisecond
	c := w.count()
	w.startGateway()
	var last midas.Identity
	for n := range 12 {
		user, id := w.user(fmt.Sprintf("app%d", n))
		w.signIn(user, w.token(id))
		last = id
	}
	w.rounds(3) // in the first of which new sessions are asked about
	c.directory.Store(0)
	c.lookups.Store(0)
	before := c.inventories.Load()
	for n := range 10 {
		w.unrelated(n)
		w.rounds(1)
	}
	if n, rounds := c.directory.Load(), c.inventories.Load()-before; n != 0 {
		t.Errorf("nothing that matters changed, and the directory was asked %d times in %d rounds", n, rounds)
	}
	if n := c.lookups.Load(); n != 0 {
		t.Errorf("accounts were looked up %d times one by one", n)
	}
	w.team("joined", last.PrincipalID)
	w.rounds(3)
	if n := c.directory.Load(); n == 0 || n > 2 { // does it exist, and in which groups
		t.Errorf("one identity changed, and the directory was asked %d times", n)
	}
}

// brokenFeed fails while told to.
type brokenFeed struct {
	midas.Feed
	broken atomic.Bool
}

func (f *brokenFeed) Changes(ctx context.Context, after uint64) ([]midas.Change, uint64, error) {
	if f.broken.Load() {
		return nil, 0, errors.New("the feed does not answer")
	}
	return f.Feed.Changes(ctx, after)
}

// TestBrokenFeedHidesNothing: without a feed everything is asked again, each time.
func TestBrokenFeedHidesNothing(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = 10 * time.Millisecond
	feed := &brokenFeed{Feed: w.directory}
	w.feed = feed
	w.startGateway()
	user, id := w.user("app")
	team := w.team(w.name("team"), id.PrincipalID)
	w.exec(w.asAdmin(), "CREATE AADUSER '"+team.Name+"'")
	alone, member := w.signIn(user, w.token(id)), w.signIn(team.Name, w.token(id))
	feed.broken.Store(true)
	w.must(w.directory.RemoveMember(t.Context(), nil, team.ObjectID, id.PrincipalID))
	if e := member.readERR(); e.Code != 1053 {
		t.Error(e)
	}
	w.refused(w.open(team.Name, w.token(id)).Ping(), 9106)
	feed.broken.Store(false)
	w.must(w.open(user, w.token(id)).Ping())
	feed.broken.Store(true)
	_, err := w.directory.DeleteIdentity(t.Context(), nil, tenantGroup, "app")
	w.must(err)
	if e := alone.readERR(); e.Code != 1053 {
		t.Error(e)
	}
}

// TestChangesAreSeenAmongOthers: a sign-in sees each change that was acknowledged before it
// began, whatever signs in and writes at the same time.
func TestChangesAreSeenAmongOthers(t *testing.T) {
	w := oneBackend(t)
	w.stop()
	w.recheck = time.Hour
	w.maxSigningIn = 10_000
	w.startGateway()
	id := w.identity("app")
	team := w.team(w.name("team"), id.PrincipalID)
	w.exec(w.asAdmin(), "CREATE AADUSER '"+team.Name+"'")
	raw := w.token(id)
	var others sync.WaitGroup
	ended := make(chan struct{})
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					db := w.open(team.Name, raw)
					_ = db.Ping()
					db.Close()
				}
			}
		})
	}
	for n := range 25 {
		w.must(w.directory.RemoveMember(t.Context(), nil, team.ObjectID, id.PrincipalID))
		w.refused(w.open(team.Name, raw).Ping(), 9106)
		w.unrelated(n)
		w.must(w.directory.AddMember(t.Context(), nil, team.ObjectID, id.PrincipalID))
		w.must(w.open(team.Name, raw).Ping())
	}
	close(ended)
	others.Wait()
}
