package gateway

import (
	"context"
	"net/netip"

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
	if err != nil {
		return account.Account{}, err
	}
	refusal := error(publicly("there is no AADUSER '%s' on server '%s'", a.user, a.server.Name).
		WithHint("its administrator makes one: CREATE AADUSER '%s' IDENTIFIED BY '<client id>'", a.user))
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
	return account.Account{}, refusal
}
