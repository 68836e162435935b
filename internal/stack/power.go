package stack

import (
	"context"
	"errors"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/statedir"
)

// Stopped tells whether a server was stopped, and not started again.
func (b *Bindings) Stopped(s midas.Server) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped[strings.ToLower(s.UniqueID)]
}

func (b *Bindings) refusesStopped(s midas.Server) error {
	if !b.Stopped(s) {
		return nil
	}
	return midas.Errorf(midas.Unavailable, "server %s: %w", s.Name, gateway.ErrStopped).
		WithHint("start it: midas mysql flexible-server start --name %s", s.Name)
}

// noteStopped keeps for the next midas, too, whether a server was stopped.
func (b *Bindings) noteStopped(s midas.Server, stopped bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := strings.ToLower(s.UniqueID)
	if b.stopped[id] == stopped {
		return nil
	}
	if err := statedir.WriteStoppedServer(b.cfg.State, id, stopped); err != nil {
		return err
	}
	if b.stopped[id] = true; !stopped {
		delete(b.stopped, id)
	}
	return nil
}

// Stop ends the process of a private server and keeps its data. It stays so until Start, also
// when midas is started again. A server whose backend is no private one is Invalid.
func (b *Bindings) Stop(s midas.Server) error {
	one, err := b.ownPrivate(s)
	if err != nil {
		return err
	}
	defer one.mu.Unlock()
	if err := b.noteStopped(s, true); err != nil {
		return err
	}
	if running, is := one.backend.(*backend.Backend); is {
		return running.Stop()
	}
	return nil
}

// Start starts a private server that was stopped, and does nothing for one that runs.
func (b *Bindings) Start(ctx context.Context, s midas.Server) error {
	return b.start(ctx, s, (*backend.Backend).Start)
}

// Restart starts a private server anew, with the options that it has now.
func (b *Bindings) Restart(ctx context.Context, s midas.Server) error {
	return b.start(ctx, s, (*backend.Backend).Restart)
}

func (b *Bindings) start(ctx context.Context, s midas.Server, how func(*backend.Backend, context.Context, backend.PrivateOptions) error) error {
	one, err := b.ownPrivate(s)
	if err != nil {
		return err
	}
	running, opened := one.backend.(*backend.Backend)
	if opened {
		var o backend.PrivateOptions
		if o, err = b.cfg.Options(ctx, s); err == nil {
			err = b.startTill(ctx, one, func(ctx context.Context) error { return how(running, ctx, o) })
		}
	}
	if err == nil {
		err = b.noteStopped(s, false)
	}
	one.mu.Unlock()
	if err == nil && !opened {
		_, err = b.Backend(ctx, s)
	}
	return err
}

// startTill ends a start that hangs when the server is deleted or midas goes down, though its caller
// waits on: else an administrator who has their server recover for minutes would keep midas from
// ending, and the next one from starting.
func (b *Bindings) startTill(ctx context.Context, one *binding, start func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	defer context.AfterFunc(one.life, cancel)()
	return explained(start(ctx))
}

// explained says to those who start a server why it does not run, which nobody mends by trying
// again: parameters that a running server takes one by one can keep it from starting.
func explained(err error) error {
	if !errors.Is(err, backend.ErrDied) {
		return err
	}
	return midas.Errorf(midas.Conflict, "%w; %s", err, midas.HintOf(err)).
		WithHint("if a parameter of it is the reason, set that back and start the server: midas mysql flexible-server parameter set --name NAME --value default --source system-default")
}

// isPrivate tells whether midas runs the database of a server.
func (b *Bindings) isPrivate(s midas.Server) bool {
	return b.cfg.Kind == PrivateBackends && !b.declared(s.Name)
}

// ownPrivate returns the binding of a server with a private backend, locked.
func (b *Bindings) ownPrivate(s midas.Server) (*binding, error) {
	if !b.isPrivate(s) {
		return nil, midas.Errorf(midas.Invalid, "the database behind server %s is not midas's to start, stop and set up", s.Name).
			WithHint("midas does that for the private servers of midas up --backend mysqld")
	}
	return b.binding(s)
}

// powers are the backends as arm knows them.
type powers struct{ stack *Stack }

// Admit implements arm.Backends.
func (p powers) Admit(ctx context.Context, group, name string) error {
	return p.stack.bindings.Admit(ctx, group, name)
}

// Bind implements arm.Backends.
func (p powers) Bind(ctx context.Context, s midas.Server) error {
	if err := p.stack.bindings.AdmitMade(ctx, s); err != nil {
		return err
	}
	p.stack.dropBefore(ctx, s.Name)
	p.stack.untouched.LoadOrStore(s.UniqueID, true)
	one, err := p.stack.bindings.Backend(ctx, s)
	if err != nil {
		return err
	}
	p.stack.untouched.Delete(s.UniqueID)
	return p.stack.oneFamily(ctx, s, one)
}

// Stopped implements arm.Backends.
func (p powers) Stopped(s midas.Server) bool { return p.stack.bindings.Stopped(s) }

// Power implements arm.Backends.
func (p powers) Power(ctx context.Context, s midas.Server, to arm.Power) error {
	switch to {
	case arm.Start:
		return p.stack.bindings.Start(ctx, s)
	case arm.Stop:
		return p.stack.bindings.Stop(s)
	case arm.Restart:
		return p.stack.bindings.Restart(ctx, s)
	}
	return midas.Errorf(midas.Invalid, "a server cannot be told to %q", to)
}

// Upgrade implements arm.Backends. A server that was stopped has its version at the next start, and
// of a database that somebody else runs, or of an engine, the version is for show.
func (p powers) Upgrade(ctx context.Context, s midas.Server) error {
	b := p.stack.bindings
	if b.Stopped(s) || !b.isPrivate(s) {
		return nil
	}
	if err := b.Restart(ctx, s); err != nil {
		return err
	}
	one, err := b.Backend(ctx, s)
	if err != nil {
		return err
	}
	return p.stack.oneFamily(ctx, s, one)
}

// oneFamily refuses a server of MySQL at an address that it shares with one of MariaDB, or the
// other way round: a client is greeted before it says which server it wants.
func (s *Stack) oneFamily(ctx context.Context, server midas.Server, one Backend) error {
	if s.listensApart(server.Name) {
		return nil
	}
	all, err := s.directory.Servers(ctx)
	if err != nil {
		return err
	}
	kind := family(one.Dialect())
	for _, other := range all {
		theirs := s.bindings.dialect(other)
		if theirs == "" || other.UniqueID == server.UniqueID || s.listensApart(other.Name) || family(theirs) == kind {
			continue
		}
		return midas.Errorf(midas.Conflict, "server %s is %s and server %s, at the same address, is %s: a client is greeted before it says which one it wants",
			server.Name, kind, other.Name, family(theirs)).
			WithHint("give one of them an address of its own in the configuration file: servers: [{name: %s, listen: ['127.0.0.1:7307']}]", server.Name)
	}
	return nil
}

// dialect is what the backend of a server speaks, also while a private one is stopped: one of another
// family that took its place meanwhile would keep its clients out. It is "" for one that is not known yet.
func (b *Bindings) dialect(s midas.Server) string {
	if one := b.Opened(s); one != nil {
		return one.Dialect()
	}
	if b.isPrivate(s) {
		return b.fleet.Dialect(s.UniqueID)
	}
	return ""
}

// family is what a backend greets as. The embedded engine greets as MySQL.
func family(dialect string) string {
	if dialect == backend.MariaDB {
		return "MariaDB"
	}
	return "MySQL"
}

// reachable tells whether anyone may reach the backend of a server now: a private one that runs,
// or a database that somebody else does.
func (b *Bindings) reachable(s midas.Server) bool {
	if b.Stopped(s) {
		return false
	}
	return b.Opened(s) != nil || b.declared(s.Name) || b.cfg.First != nil
}

// answers asks all backends that are open, side by side. It fails when there are some and none of
// them answers: one that is down keeps nobody from the others.
func (b *Bindings) answers(ctx context.Context) error {
	b.mu.Lock()
	var open []Backend
	for id, one := range b.bound {
		if one.backend != nil && !b.stopped[strings.ToLower(id)] {
			open = append(open, one.backend)
		}
	}
	if len(b.bound) == 0 && b.external[""] != nil {
		open = append(open, b.external[""])
	}
	b.mu.Unlock()
	answers := make(chan error, len(open))
	for _, one := range open {
		go func() { answers <- one.DB().PingContext(ctx) }()
	}
	var failed error
	for range open {
		if failed = <-answers; failed == nil {
			return nil
		}
	}
	return failed
}
