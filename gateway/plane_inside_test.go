package gateway

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// askedDirectory counts the questions that reach the directory.
type askedDirectory struct {
	*directory.Directory
	asked atomic.Int64
}

func (d *askedDirectory) Server(ctx context.Context, name string) (midas.Server, error) {
	d.asked.Add(1)
	return d.Directory.Server(ctx, name)
}

func (d *askedDirectory) Servers(ctx context.Context) ([]midas.Server, error) {
	d.asked.Add(1)
	return d.Directory.Servers(ctx)
}

func (d *askedDirectory) exists(ctx context.Context, p midas.Principal) (bool, error) {
	d.asked.Add(1)
	return d.Active(ctx, p.ObjectID)
}

func (d *askedDirectory) groups(ctx context.Context, p midas.Principal) (ids []string, known bool, err error) {
	d.asked.Add(1)
	ids, err = d.MemberGroups(ctx, p.ObjectID)
	return ids, true, err
}

// fakeFeed says nothing but what it is given.
type fakeFeed struct {
	revision uint64
	changes  []midas.Change
}

func (f *fakeFeed) Changes(context.Context, uint64) ([]midas.Change, uint64, error) {
	return f.changes, f.revision, nil
}

// TestPlaneIsBounded_slow: neither many principals nor principals in many groups take more than
// their share, and what is dropped leaves nothing behind.
func TestPlaneIsBounded_slow(t *testing.T) {
	feed := &fakeFeed{revision: 1}
	p := newPlane(planeConfig{
		Feed: feed, Exists: func(context.Context, midas.Principal) (bool, error) { return true, nil },
		Groups: func(_ context.Context, who midas.Principal) (ids []string, known bool, err error) {
			n, _ := strconv.Atoi(who.ObjectID)
			for group := range n % 400 {
				ids = append(ids, fmt.Sprint("g", group))
			}
			return ids, true, nil
		},
	})
	remembered := func() (principals, memberships int) {
		for _, id := range p.principals.Keys() {
			known, _ := p.principals.Peek(id)
			memberships += len(known.groups)
		}
		pairs := 0
		for _, members := range p.members {
			pairs += len(members)
		}
		if memberships != p.memberships || pairs != p.memberships {
			t.Errorf("%d memberships, counted as %d, listed as %d", memberships, p.memberships, pairs)
		}
		return p.principals.Len(), memberships
	}
	for n := range 3 * maxPrincipals {
		if _, _, err := p.principal(t.Context(), midas.Principal{ObjectID: strconv.Itoa(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if principals, memberships := remembered(); principals > maxPrincipals || memberships > maxMemberships || memberships < maxMemberships/2 {
		t.Errorf("%d principals in %d groups are remembered", principals, memberships)
	}
	feed.revision, feed.changes = 2, []midas.Change{{Revision: 2, Kind: midas.ChangeGroup, ID: "g7"}}
	p.catchUp(t.Context())
	remembered()
	if p.members["g7"] != nil || p.principals.Len() == 0 {
		t.Errorf("after a change of one group %d principals are remembered, some in it: %v", p.principals.Len(), p.members["g7"] != nil)
	}
	feed.changes = []midas.Change{{Revision: 2, Kind: midas.ChangeAll}}
	p.catchUp(t.Context())
	if principals, memberships := remembered(); principals+memberships+len(p.members) != 0 {
		t.Errorf("after a change of everything: %d, %d, %d", principals, memberships, len(p.members))
	}
}

// BenchmarkAsk is what a sign-in asks of the identity plane, with and without the feed, and
// with a directory that somebody else changes 50 times a second meanwhile: what is
// remembered has to outlive changes of other things.
func BenchmarkAsk(b *testing.B) {
	for _, feed := range []bool{false, true} {
		for _, perSecond := range []int{0, 50} {
			b.Run(fmt.Sprintf("feed=%v/writes=%d", feed, perSecond), func(b *testing.B) {
				d, principals := populated(b)
				cfg := planeConfig{Servers: d, Exists: d.exists, Groups: d.groups}
				if feed {
					cfg.Feed = d
				}
				p := newPlane(cfg)
				signIn := func(n int) {
					who := principals[n%len(principals)]
					_, exists, err := p.principal(b.Context(), who)
					if err != nil || !exists {
						b.Fatal(exists, err)
					}
					if _, err := p.Server(b.Context(), "localhost"); midas.CodeOf(err) != midas.NotFound {
						b.Fatal(err)
					}
					if _, err := p.Servers(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				for n := range principals {
					signIn(n)
				}
				stop := make(chan struct{})
				var writer sync.WaitGroup
				if perSecond > 0 {
					writer.Go(func() { write(b, d.Directory, perSecond, stop) })
				}
				d.asked.Store(0)
				b.ResetTimer()
				for n := range b.N {
					signIn(n)
				}
				b.ReportMetric(float64(d.asked.Load())/float64(b.N), "questions/op")
				close(stop)
				writer.Wait()
			})
		}
	}
}

// populated makes a directory with 20 servers and 100 principals in five groups each.
func populated(b *testing.B) (*askedDirectory, []midas.Principal) {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	d, err := directory.Open(b.Context(), directory.Config{Path: filepath.Join(b.TempDir(), "directory.db"), Alone: true})
	must(err)
	b.Cleanup(func() { d.Close() })
	_, _, err = d.PutGroup(b.Context(), nil, "g", "eastus", nil)
	must(err)
	for n := range 20 {
		_, _, err := d.PutServer(b.Context(), nil, "g", fmt.Sprintf("server%d", n), directory.ServerChange{Change: directory.Change{Location: "eastus"}})
		must(err)
	}
	var principals []midas.Principal
	var members []string
	for n := range 100 {
		made, _, err := d.PutIdentity(b.Context(), nil, "g", fmt.Sprintf("identity%d", n), "eastus", nil)
		must(err)
		principals = append(principals, midas.Principal{Issuer: "https://ours", ObjectID: made.PrincipalID})
		members = append(members, made.PrincipalID)
	}
	for n := range 5 {
		name := fmt.Sprintf("team%d", n)
		_, err := d.CreateSecurityGroup(b.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: &name, Members: members})
		must(err)
	}
	return &askedDirectory{Directory: d}, principals
}

// write changes the tags of a machine that nobody signs in from.
func write(b *testing.B, d *directory.Directory, perSecond int, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		_, _, err := d.PutVM(b.Context(), nil, "g", "other", directory.Change{Location: "eastus", Tags: map[string]string{"n": strconv.Itoa(n)}})
		if err != nil {
			b.Error(err)
			return
		}
	}
}
