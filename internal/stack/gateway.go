package stack

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
)

// GatewaySettings are what an operator decides about the gateway.
type GatewaySettings struct {
	MaxSigningIn          int // connections
	MaxSigningInPerSource int
	MaxSessions           int
	WriteTimeout          time.Duration
	// DrainTime is how long sessions may finish their transactions when midas is stopped.
	DrainTime time.Duration
}

func (s *Stack) openGateway(ctx context.Context) error {
	verifier, err := s.verifier(midas.Resource, midas.Resource+"/", midas.ResourceAppID)
	if err != nil {
		return err
	}
	s.names = &certificateNames{hosts: s.config.MySQLNames, servers: s.directory, apart: s.listensApart, timeout: listTimeout, now: s.now, log: s.refusals}
	s.gateway, err = gateway.New(ctx, gateway.Config{
		Verifier: verifier, Servers: byAge{s.directory}, Backends: bound{s}, Listeners: s.ownMySQL,
		MaxSigningIn: s.config.Gateway.MaxSigningIn, MaxSigningInPerSource: s.config.Gateway.MaxSigningInPerSource,
		MaxSessions: s.config.Gateway.MaxSessions, WriteTimeout: s.config.Gateway.WriteTimeout,
		TLS: s.tlsConfig(s.names.of), Names: s.config.MySQLNames, Exists: s.exists, Groups: s.groups, Feed: s.directory, Audit: s.auditSignIn, Log: s.log, Now: s.now,
	})
	return err
}

// byAge lists the servers for the gateway, the oldest first, so that one that is made later cannot
// decide how others are greeted: at its making the database of an older one may be down and unknown.
type byAge struct{ *directory.Directory }

// Servers implements gateway.Servers.
func (d byAge) Servers(ctx context.Context) ([]midas.Server, error) { return d.ServersByAge(ctx) }

// listensApart tells whether a server has an address of its own.
func (s *Stack) listensApart(name string) bool { return len(s.ownMySQL[strings.ToLower(name)]) > 0 }

// ownAddresses are where a server is reached that is not at the common address, whether it is
// made yet or not.
func (s *Stack) ownAddresses(name string) (all []string) {
	for _, ln := range s.ownMySQL[strings.ToLower(name)] {
		all = append(all, ln.Addr().String())
	}
	return all
}

// bound binds each server to its backend, for the gateway.
type bound struct{ stack *Stack }

// Backend implements gateway.Backends.
func (b bound) Backend(ctx context.Context, s midas.Server) (gateway.Backend, error) {
	return b.stack.bindings.Backend(ctx, s)
}

// Accounts implements gateway.Backends.
func (b bound) Accounts(ctx context.Context, s midas.Server) (gateway.Accounts, error) {
	return b.stack.account(ctx, s)
}

// groups asks the directory for the groups of a principal of our own issuer.
func (s *Stack) groups(ctx context.Context, p midas.Principal) (ids []string, known bool, err error) {
	if !slices.Contains(s.issuer.IssuerURLs(), p.Issuer) {
		return nil, false, nil
	}
	ids, err = s.directory.MemberGroups(ctx, p.ObjectID)
	return ids, err == nil, err
}

// exists tells whether the directory still has the principal that a token of our own
// issuer is for, and it is not disabled. Other issuers' principals are theirs to know.
func (s *Stack) exists(ctx context.Context, p midas.Principal) (bool, error) {
	if !slices.Contains(s.issuer.IssuerURLs(), p.Issuer) {
		return true, nil
	}
	return s.directory.Active(ctx, p.ObjectID)
}

func (s *Stack) auditSignIn(r midas.SignIn) {
	s.metrics.signIn(r)
	about := []any{
		"outcome", r.Outcome, "remote", r.Remote, "server", r.Server, "user", r.User,
		"account", r.Account, "oid", r.Principal.ObjectID, "appid", r.Principal.ClientID,
		"uti", r.Principal.TokenID,
	}
	if r.Outcome == midas.Admitted {
		s.log.Info("sign-in", about...)
		return
	}
	about = append(about, "reason", r.Reason)
	if r.Hint != "" {
		about = append(about, "hint", r.Hint)
	}
	// Strangers may be refused as often as they like.
	s.refusals.Refused(r.Remote, "sign-in "+string(r.Outcome), r.Reason, about...)
}
