package gateway_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/wire"
)

// elsewhere makes the clients of 127.1.0.0/16 and 127.2.0.0/16 come from 10.1.0.0/16 and
// 10.2.0.0/16: this machine is one source by whatever address.
type elsewhere struct{ net.Listener }

type relocated struct {
	net.Conn
	remote net.Addr
}

func (r relocated) RemoteAddr() net.Addr { return r.remote }

func (l elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	at := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	ip := at.Addr().As4()
	if ip[1] == 0 {
		return conn, nil
	}
	ip[0] = 10
	return relocated{conn, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(ip), at.Port()))}, nil
}

func wrapElsewhere(ln net.Listener) net.Listener { return elsewhere{ln} }

// dialerAt connects from an address of this machine.
func dialerAt(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
}

// at makes a driver connect from an address of this machine.
func at(ip string) func(*mysql.Config) {
	return func(c *mysql.Config) {
		c.Timeout, c.ReadTimeout, c.WriteTimeout = time.Minute, time.Minute, time.Minute
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialerAt(ip).DialContext(ctx, network, addr)
		}
	}
}

// silent opens n connections from an address that never say anything, and waits until each
// was greeted.
func (w *world) silent(ip string, n int) (all []net.Conn) {
	w.Helper()
	for range n {
		conn, err := dialerAt(ip).DialContext(w.Context(), "tcp", w.addr)
		w.must(err)
		w.Cleanup(func() { conn.Close() })
		_, _, err = wire.ReadPacket(bufio.NewReader(conn), nil, 1<<16)
		w.must(err)
		all = append(all, conn)
	}
	return all
}

// together signs in n times at once, and returns the errors.
func (w *world) together(n int, open func(i int) *sql.DB) (failed []error) {
	w.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		db := open(i)
		all.Go(func() {
			<-start
			if err := db.PingContext(w.Context()); err != nil {
				mu.Lock()
				failed = append(failed, err)
				mu.Unlock()
			}
		})
	}
	close(start)
	all.Wait()
	return failed
}

func (w *world) allIn(what string, failed []error) {
	w.Helper()
	if len(failed) > 0 {
		w.Errorf("%s: %d were refused, first: %v", what, len(failed), failed[0])
	}
}

// roomy is a world on a server with room for many sessions, whose gateway gives slow
// machines time.
func roomy(t *testing.T, dialect string) *world {
	t.Helper()
	w, s := fresh(t, dialect, nil)
	w.exec(s.DB(), "SET GLOBAL max_connections = 1500")
	w.stop()
	w.signInTimeout, w.wrapListener = time.Minute, wrapElsewhere
	w.startGateway()
	return w
}

// TestManySignInsAtOnceFromOneAddress_slow: a pool that warms up, or clients behind one address.
func TestManySignInsAtOnceFromOneAddress_slow(t *testing.T) {
	for _, dialect := range []string{"mariadb", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			w := roomy(t, dialect)
			user, id := w.user("app")
			token := w.token(id)
			w.allIn("500 by token", w.together(500, func(int) *sql.DB { return w.open(user, token, at("127.0.0.1")) }))
			native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
			w.allIn("500 by password", w.together(500, func(int) *sql.DB { return w.open(native, "Own-secret-1", at("127.0.0.1")) }))
		})
	}
}

// TestManySignInsAtOnceFromSeveralAddresses: each from an account of its own.
func TestManySignInsAtOnceFromSeveralAddresses(t *testing.T) {
	w := roomy(t, "mariadb")
	w.asAdmin()
	var natives []string
	for i := range 4 {
		natives = append(natives, w.nativeAccount(fmt.Sprintf("native%d", i), "IDENTIFIED BY 'Own-secret-1'"))
	}
	user, id := w.user("app")
	token := w.token(id)
	w.allIn("200 from each of four addresses", w.together(800, func(i int) *sql.DB {
		from := at(fmt.Sprintf("127.1.0.%d", i%4+1))
		if i%8 < 4 {
			return w.open(user, token, from)
		}
		return w.open(natives[i%4], "Own-secret-1", from)
	}))
}

// TestSilentSocketsKeepNobodyOutOfTheirAddress: they give way, and come again at once.
func TestSilentSocketsKeepNobodyOutOfTheirAddress(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	token := w.token(id)
	w.stop()
	w.maxSigningIn, w.maxSigningInPerSource, w.signInTimeout = 512, 128, 30*time.Second
	w.startGateway()
	w.silent("127.0.0.1", 128)
	done := make(chan struct{})
	var attackers sync.WaitGroup
	defer attackers.Wait()
	defer close(done)
	// 127.0.0.0/8 is one source. With many more, all of its places have other clients before one
	// that the race detector slows down has sent its token.
	for i := range 30 {
		attackers.Go(func() { w.comeAgain(fmt.Sprintf("127.0.3.%d", i+1), done) })
	}
	w.allIn("beside silent sockets", w.together(40, func(i int) *sql.DB {
		if i%2 == 0 {
			return w.open(user, token)
		}
		return w.open(native, "Own-secret-1")
	}))
	if n := w.gateway.Sessions(); n > 128+60 {
		t.Errorf("one source has %d connections", n)
	}
}

// slowBackend lets nobody in until it is told to.
type slowBackend struct {
	testBackend
	mu     sync.Mutex
	gate   chan struct{} // nil: open
	dialed int
	deaf   bool // to the end of what dials it
}

func (b *slowBackend) Dial(ctx context.Context) (net.Conn, error) {
	b.mu.Lock()
	gate := b.gate
	b.dialed++
	b.mu.Unlock()
	if gate != nil && b.deaf {
		<-gate
	} else if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return b.testBackend.Dial(ctx)
}

// shut closes the backend and forgets what was counted; open lets all in again.
func (b *slowBackend) shut() (open func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gate := make(chan struct{})
	b.gate, b.dialed = gate, 0
	return sync.OnceFunc(func() { b.mu.Lock(); b.gate = nil; b.mu.Unlock(); close(gate) })
}

func (b *slowBackend) dials() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dialed
}

func onSlowBackend(t *testing.T) (*world, *slowBackend) {
	b := &slowBackend{testBackend: external(t, mysqltest.MariaDB(t))}
	w := newWorld(t, b)
	w.stop()
	w.signInTimeout, w.wrapListener = time.Minute, wrapElsewhere
	w.startGateway()
	return w, b
}

// inBackground signs in n times at once and returns a function that waits for the errors.
func (w *world) inBackground(n int, open func(i int) *sql.DB) (wait func() []error) {
	failed := make(chan []error, 1)
	go func() { failed <- w.together(n, open) }()
	return func() []error { return <-failed }
}

// TestSignInsThatAreWorkedOnKeepTheirPlace: neither silent sockets nor others end them, and
// a connection over the limit then is told at once.
func TestSignInsThatAreWorkedOnKeepTheirPlace(t *testing.T) {
	w, b := onSlowBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	w.stop()
	w.maxSigningInPerSource = 1 // of more, sign-ins that wait for one backend leave some
	w.startGateway()
	open := b.shut()
	defer open()
	wait := w.inBackground(1, func(int) *sql.DB { return w.open(user, token, at("127.1.0.1")) })
	w.eventually("it is worked on", func() bool { return b.dials() == 1 })
	most := 0
	for range 30 {
		conn, err := dialerAt("127.1.0.1").DialContext(t.Context(), "tcp", w.addr)
		w.must(err)
		defer conn.Close() // and not before: none of them hangs up
		c := &rawClient{T: t, conn: conn}
		if e := c.readERR(); e.Code != 1040 || e.State != "" {
			t.Errorf("over the limit: %v", e)
		}
		c.wantClosed()
		most = max(most, w.gateway.Sessions())
	}
	if most > 1+5 {
		t.Errorf("%d connections are held, of which one is worked on", most)
	}
	w.silent("127.1.0.2", 10)
	open()
	w.allIn("the one that was worked on", wait())
}

// TestOneSourceLeavesRoomForOthers: however slow what it waits for.
func TestOneSourceLeavesRoomForOthers(t *testing.T) {
	w, b := onSlowBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	open := b.shut()
	defer open()
	wait := w.inBackground(200, func(int) *sql.DB { return w.open(user, token, at("127.1.0.1")) })
	w.eventually("as many as may are worked on", func() bool { return b.dials() >= 32 })
	other := w.inBackground(1, func(int) *sql.DB { return w.open(user, token, at("127.1.0.2")) })
	w.eventually("another source has its turn", func() bool { return b.dials() >= 33 })
	if n := b.dials(); n != 33 {
		t.Errorf("one source is worked on %d times at once", n-1)
	}
	open()
	w.allIn("another source", other())
	w.exec(w.backend.DB(), "SET GLOBAL max_connections = 400")
	w.allIn("the crowd", wait())
}

// slowNatives are accounts whose native look-ups do not end before they may.
type slowNatives struct {
	gateway.Accounts
	begun *atomic.Int64
	end   chan struct{}
}

func (s slowNatives) Native(ctx context.Context, user string) ([]string, error) {
	s.begun.Add(1)
	select {
	case <-s.end:
	case <-ctx.Done():
	}
	return s.Accounts.Native(ctx, user)
}

// TestStrangersNamesDoNotDelayTokens, nor passwords from elsewhere: however many there are
// and however long the backend takes for them.
func TestStrangersNamesDoNotDelayTokens(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	begun, end := &atomic.Int64{}, make(chan struct{})
	w.stop()
	w.signInTimeout, w.wrapListener = time.Minute, wrapElsewhere
	w.wrapAccounts = func(a gateway.Accounts) gateway.Accounts { return slowNatives{a, begun, end} }
	w.startGateway()
	strangers := w.inBackground(200, func(i int) *sql.DB { return w.open(fmt.Sprintf("nobody%d", i), "x", at("127.1.0.1")) })
	w.eventually("strangers are looked up", func() bool { return begun.Load() >= 16 })
	for _, from := range []string{"127.1.0.1", "127.1.0.2"} { // theirs, and another
		w.allIn("by token from "+from, w.together(20, func(int) *sql.DB { return w.open(user, token, at(from)) }))
	}
	own := w.inBackground(1, func(int) *sql.DB { return w.open(native, "Own-secret-1", at("127.1.0.2")) })
	w.eventually("a password from elsewhere has its turn", func() bool { return begun.Load() >= 17 })
	if n := begun.Load(); n != 17 {
		t.Errorf("strangers of one address have %d turns at once", n-1)
	}
	close(end)
	w.allIn("by password from elsewhere", own())
	if failed := strangers(); len(failed) != 200 {
		t.Errorf("%d of 200 strangers were refused", len(failed))
	}
}

// TestRefusedClientsThatStayAreFew: each is told why, and none keeps a place from others.
func TestRefusedClientsThatStayAreFew(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	w.stop()
	w.maxSigningInPerSource = 8
	w.startGateway()
	most := 0
	for range 200 {
		c := w.dial()
		c.login("x", wire.PluginNative, []byte("without TLS"))
		if e := c.readERR(); e.Code != 3159 {
			t.Error(e)
		}
		most = max(most, w.gateway.Sessions())
	}
	if most > 20 {
		t.Errorf("%d connections are left of clients that were refused", most)
	}
	w.must(w.open(user, token).Ping())
}
