package account

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// fakeDirectory knows objects by id and name, and those that are gone, unless err is set.
type fakeDirectory struct {
	objects []midas.DirectoryObject
	err     error

	mu   sync.Mutex
	gone []string
}

func (d *fakeDirectory) Gone(_ context.Context, ids []string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(d.gone, id) }), d.err
}

// depart makes exactly these ids those of principals that are gone.
func (d *fakeDirectory) depart(ids ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = ids
}

func (d *fakeDirectory) ObjectByID(_ context.Context, id string) (midas.DirectoryObject, error) {
	return d.find(id, func(o midas.DirectoryObject) bool { return same(id, o.ObjectID) || same(id, o.ClientID) })
}

func (d *fakeDirectory) ObjectByName(_ context.Context, name string) (midas.DirectoryObject, error) {
	return d.find(name, func(o midas.DirectoryObject) bool { return o.Name == name })
}

func (d *fakeDirectory) find(what string, is func(midas.DirectoryObject) bool) (found midas.DirectoryObject, err error) {
	if d.err != nil {
		return found, d.err
	}
	n := 0
	for _, o := range d.objects {
		if is(o) {
			n++
			found = o
		}
	}
	switch n {
	case 0:
		return found, midas.Errorf(midas.NotFound, "nothing in the directory is called %s", what)
	case 1:
		return found, nil
	}
	return found, midas.Errorf(midas.Conflict, "%d objects are called %s", n, what)
}

// fault happens to the connection that sends the first statement with text in it.
type fault struct {
	text     string
	before   func() // runs before the statement is sent
	lose     bool   // the server runs it, and its answer is lost
	happened atomic.Bool
}

// faulty is a pool whose connections have the fault.
func (w *world) faulty(f *fault) *sql.DB {
	w.t.Cleanup(func() {
		if !f.happened.Load() {
			w.t.Errorf("nobody sent %q: the test proves nothing", f.text)
		}
	})
	// Interpolated, each statement is one packet with its text.
	return w.poolOf(w.server.User, w.server.Password, "interpolateParams=true", func(cfg *mysql.Config) {
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &faultyConn{Conn: conn, fault: f}, err
		}
	})
}

type faultyConn struct {
	net.Conn
	fault *fault
	lose  atomic.Bool
}

func (c *faultyConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(c.fault.text)) && c.fault.happened.CompareAndSwap(false, true) {
		if c.fault.before != nil {
			c.fault.before()
		}
		c.lose.Store(c.fault.lose)
	}
	return c.Conn.Write(b)
}

func (c *faultyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.lose.Load() {
		c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}
