package stack

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

// openCopies opens the copies of account rows. The embedded engine forgets its accounts
// with the process, and a copy that outlived them would be of nothing.
func (s *Stack) openCopies(context.Context) (err error) {
	if s.copies, err = account.OpenCopies(filepath.Join(s.config.State, "accounts")); err == nil {
		s.memory, err = account.OpenCopies("")
	}
	return err
}

func (s *Stack) copiesAt(behind Backend) *account.Copies {
	if behind.Dialect() == account.DialectEmbedded {
		return s.memory
	}
	return s.copies
}

// restoring is the stack as arm knows it.
type restoring struct{ *Stack }

// RestoreAccounts implements arm.Accounts. A copy that is refused is set aside: the
// operator says that what the backend has is right.
func (r restoring) RestoreAccounts(ctx context.Context, server midas.Server, user string) ([]account.Restored, error) {
	s := r.Stack
	store, err := s.account(ctx, server)
	if !errors.Is(err, account.ErrCopy) {
		if err != nil {
			return nil, err
		}
		return store.Restore(ctx, user)
	}
	aside, err := s.copies.SetAside(server.UniqueID)
	if err != nil {
		return nil, err
	}
	s.log.WarnContext(ctx, "the refused copy of a server's account rows is set aside by the operator", "server", server.Name, "to", aside)
	if store, err = s.account(ctx, server); err != nil {
		return nil, err
	}
	var done []account.Restored
	for _, a := range store.Rows() {
		done = append(done, account.Restored{Account: a, Restored: true, Reason: "the copy of the rows was refused, and another has begun with those that the database has"})
	}
	return done, nil
}
