package gateway

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

// applicant is a principal, proved by its token, that is to get the account of a name.
type applicant struct {
	principal midas.Principal
	server    midas.Server
	accounts  Accounts // of server
	user      string   // asked for, without the server
	address   netip.Addr
	misspelt  func(context.Context) string // see serverChoice
}

// admit finds the account of the name that was asked for, if the principal may have it.
func (a applicant) admit(ctx context.Context) (account.Account, error) {
	if admin := a.server.Admin; a.user == admin.Login {
		return a.admitAdministrator(ctx, *admin)
	}
	return a.admitUser(ctx)
}

// admitAdministrator compares before it makes anything: a name alone creates nothing.
func (a applicant) admitAdministrator(ctx context.Context, admin midas.Administrator) (account.Account, error) {
	if err := account.Admit(administratorOf(admin), a.principal); err != nil {
		return account.Account{}, err
	}
	made, err := a.accounts.EnsureAdministrator(ctx, admin.Login, admin.ObjectID)
	if err != nil {
		return account.Account{}, err
	}
	made.Admin = true
	return made, nil
}

func (a applicant) admitUser(ctx context.Context) (account.Account, error) {
	candidates, err := a.accounts.Lookup(ctx, a.user)
	if errors.Is(err, account.ErrDoubtful) {
		candidates, err = a.accounts.Mend(ctx, a.user)
	}
	if err != nil {
		return account.Account{}, err
	}
	var refusal error
	for _, candidate := range candidates {
		// The account of a former administrator keeps its rights in the backend; it
		// stopped being a way in when the administrator changed.
		if candidate.Admin || !hostMatches(candidate.Host, a.address) {
			continue
		}
		if refusal = account.Admit(candidate, a.principal); refusal == nil {
			return candidate, nil
		}
	}
	// A principal whose account is locked learns why, and so what its administrator can do.
	unproven, err := a.accounts.Unproven(ctx, a.user)
	if err != nil {
		return account.Account{}, err
	}
	for _, candidate := range unproven {
		if !candidate.Admin && account.Admit(candidate, a.principal) == nil {
			return account.Account{}, account.RefuseUnproven(candidate)
		}
	}
	if refusal == nil {
		refusal = a.unknown(ctx)
	}
	return account.Account{}, refusal
}

func (a applicant) unknown(ctx context.Context) error {
	if misspelt := a.misspelt(ctx); misspelt != "" {
		return publicly("%s", misspelt).WithHint("server '%s' has no AADUSER '%s' either", a.server.Name, a.user)
	}
	return publicly("there is no AADUSER '%s' on server '%s'", a.user, a.server.Name).
		WithHint("its administrator makes one: CREATE AADUSER '%s' IDENTIFIED BY '<client id>'", a.user)
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
