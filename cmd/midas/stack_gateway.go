package main

import (
	"context"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/gateway"
)

func (s *stack) openGateway(ctx context.Context) error {
	verifier, err := s.verifier(midas.Resource, midas.Resource+"/", midas.ResourceAppID)
	if err != nil {
		return err
	}
	s.gateway, err = gateway.New(ctx, gateway.Config{
		Verifier: verifier, Servers: s.directory, Backend: s.backend,
		Accounts: func(ctx context.Context, server midas.Server) (gateway.Accounts, error) {
			return s.account(ctx, server)
		},

		MaxSigningIn: s.Gateway.MaxSigningIn, MaxSigningInPerSource: s.Gateway.MaxSigningInPerSource, WriteTimeout: s.Gateway.WriteTimeout,
		TLS: s.ca.TLSConfig(s.serverNames), Exists: s.exists, Groups: s.groups, Audit: s.auditSignIn, Log: s.Log,
	})
	return err
}

// groups asks the directory for the groups of a principal of our own issuer.
func (s *stack) groups(ctx context.Context, p midas.Principal) (ids []string, known bool, err error) {
	if !slices.Contains(s.issuer.IssuerURLs(), p.Issuer) {
		return nil, false, nil
	}
	ids, err = s.directory.MemberGroups(ctx, p.ObjectID)
	return ids, err == nil, err
}

// exists tells whether the directory still has the principal that a token of our own
// issuer is for, and it is not disabled. Other issuers' principals are theirs to know.
func (s *stack) exists(ctx context.Context, p midas.Principal) (bool, error) {
	if !slices.Contains(s.issuer.IssuerURLs(), p.Issuer) {
		return true, nil
	}
	return s.directory.Active(ctx, p.ObjectID)
}

// serverNames are what clients may verify the gateway's certificate against: all in one,
// since clients of MySQL verify a name that they do not tell to TLS. Each handshake asks,
// so they are read only when a server has changed.
func (s *stack) serverNames() []string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	known := s.names.Load()
	after := uint64(0)
	if known != nil {
		after = known.revision
	}
	changes, upTo, err := s.directory.Changes(ctx, after)
	if err != nil {
		s.Log.Warn("cannot ask whether servers have changed, for the certificate", "error", err)
	}
	if known == nil || err != nil || slices.ContainsFunc(changes, func(c midas.Change) bool { return c.Kind == midas.ChangeServer || c.Kind == midas.ChangeAll }) {
		known = &namesAt{names: s.readServerNames(ctx)}
	}
	s.names.Store(&namesAt{upTo, known.names})
	return known.names
}

// namesAt are the servers' names as they were at that revision of the directory.
type namesAt struct {
	revision uint64
	names    []string
}

func (s *stack) readServerNames(ctx context.Context) []string {
	servers, err := s.directory.Servers(ctx)
	if err != nil {
		s.Log.Warn("cannot list the servers for the certificate", "error", err)
	}
	names := make([]string, 0, 2*len(servers))
	for _, server := range servers {
		names = append(names, server.Name, server.FQDN)
	}
	return names
}

func (s *stack) auditSignIn(r midas.SignIn) {
	s.metrics.signIn(r)
	about := []any{
		"outcome", r.Outcome, "remote", r.Remote, "server", r.Server, "user", r.User,
		"account", r.Account, "oid", r.Principal.ObjectID, "appid", r.Principal.ClientID,
		"uti", r.Principal.TokenID, "reason", r.Reason,
	}
	if r.Outcome == midas.Admitted {
		s.Log.Info("sign-in", about...)
		return
	}
	// Strangers may be refused as often as they like.
	s.refusals.Info(r.Remote, "sign-in "+string(r.Outcome), about...)
}
