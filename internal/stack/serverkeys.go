package stack

import (
	"context"
	"errors"
	"io/fs"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/statedir"
)

// serverKey derives a version of a server's key.
func (m masterKey) serverKey(serverID string, version int) (account.ServerKey, error) {
	return account.DeriveServerKey(m, serverID, version)
}

// serverKeys derives the key that a server has, and those that it had before, the latest first
// and last the one that all servers of a former midas shared.
func (m masterKey) serverKeys(dir, serverID string) (now account.ServerKey, former []account.ServerKey, err error) {
	version, err := statedir.ServerKeyVersion(dir, serverID)
	if err != nil {
		return now, nil, err
	}
	if now, err = m.serverKey(serverID, version); err != nil {
		return now, nil, err
	}
	for version--; version > 0; version-- {
		key, err := m.serverKey(serverID, version)
		if err != nil {
			return now, nil, err
		}
		former = append(former, key)
	}
	shared, err := account.SharedKey(m.derive("accounts"))
	return now, append(former, shared), err
}

// ServerKey derives the key that a server of the state has now, for a gateway of its own. It
// makes nothing: a state without a master key is NotFound.
func ServerKey(dir, serverID string) (account.ServerKey, error) {
	master, err := readMasterKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return account.ServerKey{}, midas.Errorf(midas.NotFound, "the state directory %s has no master key", dir).
			WithHint("run this where the master key is: name the state of that midas with --state")
	}
	if err != nil {
		return account.ServerKey{}, err
	}
	now, _, err := master.serverKeys(dir, serverID)
	return now, err
}

// RotateServerKey implements arm.ServerKeys: the server gets the next version of its key. The
// version is noted first, so that the next start completes what a crash cuts short.
func (s *Stack) RotateServerKey(ctx context.Context, server midas.Server) (version int, err error) {
	store, err := s.account(ctx, server)
	if err != nil {
		return 0, err
	}
	s.rotating.Lock()
	defer s.rotating.Unlock()
	// One that was noted and could not be begun comes first.
	noted, err := statedir.ServerKeyVersion(s.config.State, server.UniqueID)
	if err != nil {
		return 0, err
	}
	version = max(store.KeyVersion()+1, noted)
	key, err := s.master.serverKey(server.UniqueID, version)
	if err != nil {
		return 0, err
	}
	if err := statedir.WriteServerKeyVersion(s.config.State, server.UniqueID, version); err != nil {
		return 0, err
	}
	return version, store.Rekey(ctx, key)
}
