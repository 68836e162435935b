//go:build unix

package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/midas-mysql/midas"
)

// private is the life of a private server over all its starts. Socket and pool stay the same.
type private struct {
	cfg       PrivateConfig
	socket    string
	socketDir string // "" unless the socket has a temporary directory of its own

	mu      sync.Mutex // held while the server starts or stops
	child   *child     // nil: stopped
	closed  bool       // for good
	stopped atomic.Bool
}

// longestSocket is sun_path of sockaddr_un (108 bytes) without its end.
const longestSocket = 107

// chooseSocket puts the socket beside the data, or into a short temporary directory
// when that path would be too long for a socket.
func (p *private) chooseSocket() error {
	p.socket = filepath.Join((&child{dir: p.cfg.Dir}).runFolder(), "mysqld.sock")
	if len(p.socket) <= longestSocket {
		return nil
	}
	dir, err := os.MkdirTemp("/tmp", "midas-")
	if err != nil {
		return midas.Errorf(midas.Unavailable, "make a directory for the backend's socket: %w", err)
	}
	p.socketDir, p.socket = dir, filepath.Join(dir, "mysqld.sock")
	return nil
}

// refuses spares those who connect to a stopped server the riddle of a missing socket.
func (p *private) refuses() error {
	if !p.stopped.Load() {
		return nil
	}
	return midas.Errorf(midas.Unavailable, "the database server is stopped").
		WithHint("start it: midas mysql flexible-server start")
}

// Start starts a private server that is stopped, with options for this start. It does nothing
// for one that runs, and is Invalid for a server that somebody else runs.
func (b *Backend) Start(ctx context.Context, o PrivateOptions) error {
	if b.private == nil {
		return notOurs(b)
	}
	p := b.private
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return midas.Errorf(midas.Unavailable, "the database server is closed").WithHint("its server was deleted, or midas is going down")
	case p.child != nil:
		return nil
	}
	c, err := p.prepare(ctx, o)
	if err != nil {
		return err
	}
	c.db = b.db
	p.stopped.Store(false)
	f, err := c.begin(ctx)
	if err != nil {
		p.stopped.Store(true)
		return err
	}
	p.child = c
	b.facts.Store(&f)
	return nil
}

// Stop ends the process of a private server and keeps its data. Those who connect meanwhile are
// told so. It does nothing for a server that is stopped.
func (b *Backend) Stop() error {
	if b.private == nil {
		return notOurs(b)
	}
	b.private.mu.Lock()
	defer b.private.mu.Unlock()
	b.private.stop()
	return nil
}

// Stopped tells whether a private server was stopped, and not started again.
func (b *Backend) Stopped() bool { return b.private != nil && b.private.stopped.Load() }

func (p *private) stop() {
	p.stopped.Store(true)
	if p.child != nil {
		p.child.close()
		p.child = nil
	}
}

func (p *private) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.stop()
	if p.socketDir != "" {
		_ = os.RemoveAll(p.socketDir)
	}
}

// prepare makes all that a start needs. On failure the directory is free again.
func (p *private) prepare(ctx context.Context, o PrivateOptions) (_ *child, err error) {
	c := &child{
		dir: p.cfg.Dir, secret: p.cfg.Secret, data: filepath.Join(p.cfg.Dir, "data"), socket: p.socket, password: p.cfg.Password,
		log: p.cfg.Log, done: make(chan struct{}), stop: make(chan struct{}),
	}
	if c.secret == "" {
		c.secret = filepath.Dir(c.dir)
	}
	if c.parameters, err = o.arguments(); err != nil {
		return nil, err
	}
	if err := c.makeFolders(); err != nil {
		return nil, err
	}
	if c.lock, err = takeLock(c.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	if c.program, err = findProgram(p.cfg.Binary, made(c.data), o.Version); err != nil {
		return nil, err
	}
	if err := c.evictOrphan(ctx); err != nil {
		return nil, err
	}
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	c.confined = c.confinement()
	return c, nil
}

// begin starts the supervised process and waits until it answers. On failure it has ended.
func (c *child) begin(ctx context.Context) (f facts, err error) {
	ready := make(chan error, 1)
	go c.supervise(ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = midas.Errorf(midas.Unavailable, "start %s: %w", c.program.path, ctx.Err())
	}
	if err == nil {
		f, err = ask(ctx, c.db)
	}
	if err == nil {
		err = f.oldEnough(c.program.path)
	}
	if err != nil {
		c.close()
		return facts{}, err
	}
	f.describe = fmt.Sprintf("private %s %s, data in %s, %s", product(f.dialect), f.version, c.data, confinedWords(c.confined))
	return f, nil
}

// Restart stops a private server, if it runs, and starts it with options.
func (b *Backend) Restart(ctx context.Context, o PrivateOptions) error {
	return errors.Join(b.Stop(), b.Start(ctx, o))
}
