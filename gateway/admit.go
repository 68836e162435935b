package gateway

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

// admit decides whether the token may sign in under the name that was asked for, and
// as which account of the backend. Until the token has been verified nothing is
// looked up: neither the answer nor its time tells a stranger which names exist.
func (s *session) admit(ctx context.Context, token []byte) error {
	principal, err := s.Verifier.Verify(ctx, string(token))
	if err != nil {
		return err
	}
	now, exists, err := s.plane.principal(ctx, principal)
	s.principal = now
	switch {
	case err != nil:
		return err
	case !exists:
		return publicly("the identity that the token is for was deleted (object id %s)", principal.ObjectID)
	}
	if s.user, err = s.chooseServer(ctx); err != nil {
		return err
	}
	if s.server.Admin == nil {
		return publicly("server '%s' has no Microsoft Entra administrator, and without one nobody signs in with a token", s.server.Name).
			WithHint("az mysql flexible-server ad-admin create")
	}
	if s.accounts, err = s.Accounts(ctx, s.server); err != nil {
		return err
	}
	return s.admitAs(ctx)
}

// admitAs finds the account of the name that was asked for.
func (s *session) admitAs(ctx context.Context) error {
	if admin := s.server.Admin; s.user == admin.Login {
		return s.admitAdministrator(ctx, *admin)
	}
	return s.admitUser(ctx, s.user)
}

// chooseServer takes the server from the user name's suffix (user@server, the form of
// Azure's single server) and returns the name without it. A name with an @ that is
// followed by no server is a name: user principal names have one too. Without a suffix
// it is the server whose name the client gave to TLS, or the only one there is.
func (s *session) chooseServer(ctx context.Context) (user string, err error) {
	user = s.login.User
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		if found, err := s.takeServer(ctx, user[at+1:]); found || err != nil {
			return user[:at], err
		}
	}
	if secured, ok := s.conn.(*tls.Conn); ok {
		if found, err := s.takeServer(ctx, secured.ConnectionState().ServerName); found || err != nil {
			return user, err
		}
	}
	all, err := s.plane.Servers(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 1:
		s.server = all[0]
		return user, nil
	case len(all) == 0:
		return "", publicly("there is no MySQL server yet").WithHint("az mysql flexible-server create")
	}
	return "", publicly("%d servers are behind this address and the user name says none", len(all)).
		WithHint("sign in as '%s@%s'", user, all[0].Name)
}

// takeServer makes the server of that name the session's, if there is one.
func (s *session) takeServer(ctx context.Context, name string) (found bool, err error) {
	if name == "" {
		return false, nil
	}
	server, err := s.plane.Server(ctx, name)
	switch midas.CodeOf(err) {
	case midas.NotFound, midas.Invalid:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.server = server
	return true, nil
}

// admitAdministrator compares before it makes anything: a name alone creates nothing.
func (s *session) admitAdministrator(ctx context.Context, admin midas.Administrator) error {
	asked := account.Account{User: admin.Login, Host: "%", ID: admin.ObjectID, Admin: true}
	if err := account.Admit(asked, s.principal); err != nil {
		return err
	}
	made, err := s.accounts.EnsureAdministrator(ctx, admin.Login, admin.ObjectID)
	if err != nil {
		return err
	}
	s.account, s.isAdmin = made, true
	return nil
}

func (s *session) admitUser(ctx context.Context, user string) error {
	candidates, err := s.accounts.Lookup(ctx, user)
	if err != nil {
		return err
	}
	refusal := error(publicly("there is no AADUSER '%s' on server '%s'", user, s.server.Name).
		WithHint("its administrator makes one: CREATE AADUSER '%s' IDENTIFIED BY '<client id>'", user))
	for _, candidate := range candidates {
		// The account of a former administrator keeps its rights in the backend; it
		// stopped being a way in when the administrator changed.
		if candidate.Admin || !hostMatches(candidate.Host, sourceOf(s.conn)) {
			continue
		}
		if refusal = account.Admit(candidate, s.principal); refusal == nil {
			s.account = candidate
			return nil
		}
	}
	// Who would be admitted learns why they are not, and so what their administrator can do.
	unproven, err := s.accounts.Unproven(ctx, user)
	if err != nil {
		return err
	}
	for _, candidate := range unproven {
		if !candidate.Admin && account.Admit(candidate, s.principal) == nil {
			return account.RefuseUnproven(candidate)
		}
	}
	return refusal
}

// publicly is a refusal for somebody whose token held.
func publicly(format string, args ...any) *midas.Error {
	e := midas.Errorf(midas.Forbidden, format, args...)
	e.Public = true
	return e
}

// hostMatches compares an account's host pattern with where the client is, as a
// server would: % and _ are wildcards, and localhost is this machine. The backend
// matches it once more against the gateway's own address.
//
// https://dev.mysql.com/doc/refman/9.7/en/account-names.html
func hostMatches(pattern string, source netip.Addr) bool {
	if pattern == "localhost" {
		return source.IsLoopback()
	}
	if network, mask, ok := strings.Cut(pattern, "/"); ok {
		if prefix, err := netip.ParsePrefix(pattern); err == nil { // MySQL since 8.0.23
			return prefix.Contains(source)
		}
		base, err1 := netip.ParseAddr(network)
		bits, err2 := netip.ParseAddr(mask)
		return err1 == nil && err2 == nil && base.Is4() && bits.Is4() && source.Is4() && masked(source, bits) == masked(base, bits)
	}
	return like(pattern, source.String())
}

func masked(a, mask netip.Addr) [4]byte {
	x, m := a.As4(), mask.As4()
	for i := range x {
		x[i] &= m[i]
	}
	return x
}

// like is SQL's LIKE without escapes, in time proportional to both lengths.
func like(pattern, text string) bool {
	p, t, star, retry := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == '_' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "%") == ""
}
