package gateway

import (
	"net/netip"
	"sync"

	"github.com/midas-mysql/midas"
)

// underWay bounds how many places the sign-ins to one server hold while they wait for its backend,
// of all that there are and of those of one source. Its owner can have the backend answer none of
// them, and who owns several servers has several that do not answer: what is left of a source's
// places must do for everybody else there. They are shared out as sessions are: see shares.
type underWay struct {
	perSource int

	mu      sync.Mutex
	all     *shares
	sources map[netip.Prefix]*shares // without those that hold nothing
}

func newUnderWay(all, perSource int) *underWay {
	return &underWay{perSource: perSource, all: newShares(all), sources: map[netip.Prefix]*shares{}}
}

// byToken takes a place for a sign-in whose token holds; give gives it back, and may be called
// more than once.
func (u *underWay) byToken(source netip.Prefix, server midas.Server) (give func(), ok bool) {
	return u.take(source, "token ", server)
}

// byPassword is byToken for a password, which anybody may send: those have shares of their own.
func (u *underWay) byPassword(source netip.Prefix, server midas.Server) (give func(), ok bool) {
	return u.take(source, "password ", server)
}

func (u *underWay) take(source netip.Prefix, by string, server midas.Server) (give func(), ok bool) {
	group, id := by+groupOf(server), by+server.UniqueID
	u.mu.Lock()
	defer u.mu.Unlock()
	own := u.sources[source]
	if own == nil {
		own = newShares(u.perSource)
	}
	giveOwn, ok := own.takeFor(group, id)
	if !ok {
		return nil, false
	}
	giveOne, ok := u.all.takeFor(group, id)
	if !ok {
		giveOwn()
		return nil, false
	}
	u.sources[source] = own
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		giveOwn()
		giveOne()
		if len(own.held) == 0 {
			delete(u.sources, source)
		}
	}), true
}
