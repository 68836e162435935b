package stack

import (
	"context"
	"os"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/statedir"
)

// Running says where this stack serves.
func (s *Stack) Running() statedir.Running {
	r := statedir.Running{
		Control: s.ControlURL(), Metadata: s.MetadataURL(), MySQL: s.mysqlLn.Addr().String(),
		PID: os.Getpid(), CA: s.trusted(), Apart: map[string][]string{},
	}
	for name := range s.ownMySQL {
		r.Apart[name] = s.ownAddresses(name)
	}
	if s.opsLn != nil {
		r.Ops = "http://" + s.opsLn.Addr().String()
		if s.config.OpsToken != "" {
			r.Ops = "https://" + s.opsLn.Addr().String()
		}
	}
	if s.proxyLn != nil {
		r.Proxy = "http://" + s.proxyLn.Addr().String()
	}
	return r
}

// announce tells the other commands where this stack is, until it closes.
func (s *Stack) announce(context.Context) error {
	if err := statedir.WriteRunning(s.config.State, s.Running()); err != nil {
		return err
	}
	s.onClose(func() {
		if err := statedir.RemoveRunning(s.config.State); err != nil {
			s.log.Warn("could not remove the announcement", "error", err)
		}
	})
	return nil
}

// State is the state directory.
func (s *Stack) State() string { return s.config.State }

// Operator is the service principal that the command line signs in as.
func (s *Stack) Operator() statedir.Operator { return s.operator }

// Authority is the certificate authority that clients must trust, PEM.
func (s *Stack) Authority() []byte { return s.ca.PEM() }

// Seeded is what Config.Seed made or changed.
func (s *Stack) Seeded() []string { return s.seeded }

// NamesLeftOut says which servers clients cannot verify without giving their name to TLS,
// and what to do about it; "" for none.
func (s *Stack) NamesLeftOut() string { return s.names.leftOut() }

// Installed reports whether the database that Config.Backend names by its URL holds midas's own
// schema. Others are empty when their server is made.
func (s *Stack) Installed(ctx context.Context) bool {
	if s.bindings.cfg.First == nil {
		return false
	}
	one, err := s.bindings.External(ctx, "")
	return err == nil && account.Installed(ctx, one.DB())
}

// Uninstall drops the accounts that midas made on the backend for a server, and with all
// midas's own schema, too. A server that the directory does not have has none.
func (s *Stack) Uninstall(ctx context.Context, name string, all bool) error {
	server, err := s.directory.Server(ctx, name)
	switch {
	case midas.CodeOf(err) == midas.NotFound:
		return nil
	case err != nil:
		return err
	}
	store, err := s.account(ctx, server)
	if err != nil {
		return err
	}
	return store.Uninstall(ctx, all)
}
