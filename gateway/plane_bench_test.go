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

// BenchmarkAsk is what a sign-in asks of the identity plane, with and without the feed, and
// with a directory that somebody else changes 50 times a second meanwhile: what is
// remembered has to outlive changes of other things.
func BenchmarkAsk(b *testing.B) {
	for _, feed := range []bool{false, true} {
		for _, perSecond := range []int{0, 50} {
			b.Run(fmt.Sprintf("feed=%v/writes=%d", feed, perSecond), func(b *testing.B) {
				d, principals := populated(b)
				cfg := Config{Servers: d, Exists: d.exists, Groups: d.groups}
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
	_, _, err = d.PutGroup(b.Context(), "g", "eastus", nil)
	must(err)
	for n := range 20 {
		_, _, err := d.PutServer(b.Context(), "g", fmt.Sprintf("server%d", n), directory.ServerChange{Change: directory.Change{Location: "eastus"}})
		must(err)
	}
	var principals []midas.Principal
	var members []string
	for n := range 100 {
		made, _, err := d.PutIdentity(b.Context(), "g", fmt.Sprintf("identity%d", n), "eastus", nil)
		must(err)
		principals = append(principals, midas.Principal{Issuer: "https://ours", ObjectID: made.PrincipalID})
		members = append(members, made.PrincipalID)
	}
	for n := range 5 {
		name := fmt.Sprintf("team%d", n)
		_, err := d.CreateSecurityGroup(b.Context(), directory.SecurityGroupChange{Name: &name, MailNickname: &name, Members: members})
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
		_, _, err := d.PutVM(b.Context(), "g", "other", directory.Change{Location: "eastus", Tags: map[string]string{"n": strconv.Itoa(n)}})
		if err != nil {
			b.Error(err)
			return
		}
	}
}
