package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/relay"
)

// hungAccounts are those of a backend that does not answer.
type hungAccounts struct{ Accounts }

func (hungAccounts) Live(ctx context.Context, _ time.Duration) (map[string]account.Account, time.Time, error) {
	<-ctx.Done()
	return nil, time.Time{}, ctx.Err()
}

// namedServers has every server that it is asked for.
type namedServers struct{}

func (namedServers) Server(_ context.Context, name string) (midas.Server, error) {
	return midas.Server{Name: name, UniqueID: name}, nil
}

func (namedServers) Servers(context.Context) ([]midas.Server, error) { return nil, nil }

// TestServersThatHangDelayNoEndOfASession: an administrator locks the tables of many servers of
// their own, while an identity of another server is deleted.
func TestServersThatHangDelayNoEndOfASession(t *testing.T) { synctest.Test(t, endBesideHungServers) }

func endBesideHungServers(t *testing.T) {
	const every = 10 * time.Millisecond
	r := &recheck{sessions: newSessions(), every: every, log: slog.New(slog.DiscardHandler)}
	deleted := make(chan struct{})
	r.plane = newPlane(planeConfig{Servers: namedServers{}, Exists: func(_ context.Context, p midas.Principal) (bool, error) {
		select {
		case <-deleted:
			return p.ObjectID != "victim", nil
		default:
			return true, nil
		}
	}})
	signedInAt := func(server, who string) *handle {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		h := &handle{client: relay.NewGuarded(near)}
		h.basis.Store(&sessionBasis{since: time.Now(), signedIn: signedIn{
			server: midas.Server{Name: server, UniqueID: server}, principal: midas.Principal{Issuer: "ours", ObjectID: who},
			backend: backend{accounts: hungAccounts{}}, account: account.Account{User: who, Host: "%", ID: who, Kind: midas.KindUser, Mapping: who + " at " + server},
		}})
		r.sessions.all[h] = struct{}{}
		return h
	}
	for i := range 64 {
		signedInAt(fmt.Sprintf("other-%d", i), "eve")
	}
	h := signedInAt("mydb", "victim")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.run(ctx) }()
	defer func() { stop(); <-ended }()
	time.Sleep(20 * every) // rounds have begun
	if h.evicted.Load() != nil {
		t.Fatal("ended early")
	}
	close(deleted)
	time.Sleep(2 * every)
	synctest.Wait()
	if h.evicted.Load() == nil {
		t.Error("the session goes on")
	}
}
