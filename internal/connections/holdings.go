package connections

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clientkey"
)

// What the requests of one port may hold in memory at a time: their headers, their content
// as far as it has come, and requestCost for the work on each.
const (
	strangersHold  = 24 << 20 // while nobody has vouched for the request
	principalsHold = 64 << 20 // of the principals that sent a valid token
	requestCost    = 4 << 10
	headerCost     = 64 // of one header, beside its text
)

// ErrBusy: the port has no room for the request. The client may try again.
var ErrBusy error = midas.Errorf(midas.Unavailable, "the port holds as many requests as it may").WithHint("try again in a second")

// holdings is what the requests of one port hold. Those of principals are counted apart, so
// that strangers leave them their room.
//
// Where there is no room, the party that holds most gives way, with its oldest request whose
// next move is not the port's: its client has not sent all its content, or does not take its
// answer, or it is Yielding. A request that the port works on never gives way; when there is none
// else, the newcomer is refused.
type holdings struct {
	mu                    sync.Mutex
	strangers, principals pool
}

// pool is the part of holdings that is shared by parties of one kind.
type pool struct {
	limit int64
	used  int64
	held  map[any]int64 // by party
	all   list.List     // of *holding, the oldest first
}

// holding is what one request holds. Its fields are guarded by the holdings' mutex.
type holding struct {
	of      *holdings
	pool    *pool // nil when it has given way, or has ended
	place   *list.Element
	party   any   // a netip.Prefix, or the id of a principal
	most    int64 // that the party may hold
	bytes   int64
	waits   func()         // ends the wait for the client; nil while there is none
	works   func(more int) // see limiter.work
	control *http.ResponseController
	// ending is held while waits is called from elsewhere: the server's ResponseWriter must
	// not be touched once the handler has returned.
	ending sync.Mutex
}

type holdingKey struct{}

func newHoldings(strangers, principals int64) *holdings {
	return &holdings{
		strangers:  pool{limit: strangers, held: map[any]int64{}},
		principals: pool{limit: principals, held: map[any]int64{}},
	}
}

// admit counts requests, and refuses those for which there is no room.
func (a *holdings) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		from := clientkey.OfConn(conn)
		h := &holding{of: a, party: from.Subscriber, most: a.strangers.limit / 4, control: http.NewResponseController(w), works: func(int) {}}
		if works, counted := r.Context().Value(worksKey{}).(func(int)); counted {
			h.works = works
		}
		if from.Local() {
			h.most = a.strangers.limit // all programs of this machine are one party
		}
		if !h.enter(&a.strangers, requestCost+headerBytes(r)) {
			refuseBusy(w)
			return
		}
		defer h.leave()
		r = r.WithContext(context.WithValue(r.Context(), holdingKey{}, h))
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &countedBody{r.Body, h}
		}
		next.ServeHTTP(&countedWriter{w, h, r.ProtoMajor > 1}, r)
		if r.ProtoMajor > 1 {
			// The end of the answer would wait for the client uncounted, once for each stream.
			defer h.awaiting(h.control.SetWriteDeadline)()
			_ = h.control.Flush()
		}
	})
}

// Authenticated counts the request of ctx among those of a principal, from when its token
// has been verified. It fails with ErrBusy when the principal has as much under way as one
// may have. A request that came through no port is not counted.
func Authenticated(ctx context.Context, principal string) error {
	h, counted := ctx.Value(holdingKey{}).(*holding)
	if !counted {
		return nil
	}
	bytes := h.leave()
	h.party, h.most = principal, h.of.principals.limit/4
	if !h.enter(&h.of.principals, bytes) {
		return ErrBusy
	}
	return nil
}

// refuseBusy answers without content, which a client could refuse to take.
func refuseBusy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func headerBytes(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + headerCost
		}
	}
	return int64(n)
}

func (h *holding) enter(p *pool, bytes int64) bool {
	h.of.mu.Lock()
	out, fits := p.makeRoom(h, bytes)
	if fits {
		h.pool, h.bytes, h.place = p, bytes, p.all.PushBack(h)
		p.add(h.party, bytes)
	}
	h.of.mu.Unlock()
	endWaits(out)
	return fits
}

// take counts more bytes, or gives up all that the request holds.
func (h *holding) take(bytes int64) bool {
	h.of.mu.Lock()
	if h.pool == nil {
		h.of.mu.Unlock()
		return false
	}
	out, fits := h.pool.makeRoom(h, bytes)
	if fits {
		h.bytes += bytes
		h.pool.add(h.party, bytes)
	} else {
		h.drop()
	}
	h.of.mu.Unlock()
	endWaits(out)
	return fits
}

// counted reports whether the request has not given way.
func (h *holding) counted() bool {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	return h.pool != nil
}

// leave gives back what the request holds, and returns how much that was.
func (h *holding) leave() int64 {
	h.of.mu.Lock()
	bytes := h.bytes
	h.drop()
	h.of.mu.Unlock()
	h.awaitEnd()
	return bytes
}

// awaitEnd waits for one that has this request give way and is about to end its wait.
func (h *holding) awaitEnd() {
	h.ending.Lock()
	defer h.ending.Unlock()
}

// drop is leave with the lock held.
func (h *holding) drop() {
	if h.pool == nil {
		return
	}
	h.pool.add(h.party, -h.bytes)
	h.pool.all.Remove(h.place)
	h.pool, h.bytes = nil, 0
}

// awaiting says that the next move is the client's until the returned function is called;
// setDeadline is what ends the wait.
func (h *holding) awaiting(setDeadline func(time.Time) error) (over func()) {
	set := func(end func()) {
		h.of.mu.Lock()
		h.waits = end
		h.of.mu.Unlock()
	}
	set(func() { _ = setDeadline(time.Unix(1, 0)) })
	h.works(-1)
	return func() {
		h.works(1)
		set(nil)
		h.awaitEnd()
	}
}

func (p *pool) add(party any, bytes int64) {
	p.used += bytes
	if p.held[party] += bytes; p.held[party] == 0 {
		delete(p.held, party)
	}
}

// gaveWay is a request that gave way and may not know yet. Its ending is held.
type gaveWay struct {
	*holding
	endWait func()
}

// makeRoom has others give way until h may hold that much more. When the lock is released,
// endWaits lets them know.
func (p *pool) makeRoom(h *holding, bytes int64) (out []*gaveWay, fits bool) {
	for {
		tooMuch := p.held[h.party]+bytes > h.most
		if !tooMuch && p.used+bytes <= p.limit {
			return out, true
		}
		one := p.oldestOfMost(h, bytes, tooMuch)
		if one == nil {
			return out, false
		}
		one.ending.Lock() // nobody holds it for longer than a moment, or waits with it
		out = append(out, &gaveWay{one, one.waits})
		one.drop()
	}
}

// oldestOfMost returns the oldest waiting request of the party that holds most: h's own, or
// one that holds no less than h's would; where ownOnly, h's own. It is nil for none.
func (p *pool) oldestOfMost(h *holding, bytes int64, ownOnly bool) (out *holding) {
	own := p.held[h.party] + bytes
	for e := p.all.Front(); e != nil; e = e.Next() {
		one := e.Value.(*holding)
		held := p.held[one.party]
		if one == h || one.waits == nil || one.party != h.party && (ownOnly || held < own) {
			continue
		}
		if out == nil || held > p.held[out.party] {
			out = one
		}
	}
	return out
}

func endWaits(all []*gaveWay) {
	for _, one := range all {
		one.endWait()
		one.ending.Unlock()
	}
}
