package stack

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/directory"
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

// readServerKey derives the key that a server of the state has now. A state without a master key
// is NotFound.
func readServerKey(dir, serverID string) (account.ServerKey, error) {
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

// ServerKey derives the key of a server of the midas that runs with the state, which told id and
// state of the key. It is a Conflict when the master key of the state gives another key: that
// midas has another state.
func ServerKey(dir, serverID string, state account.KeyState) (account.ServerKey, error) {
	key, err := readServerKey(dir, serverID)
	if err == nil && key.State() != state {
		err = midas.Errorf(midas.Conflict, "the master key in %s does not give the key that the server has: that midas has another state", dir).
			WithHint("run this on the machine of that midas, with its --state")
	}
	return key, err
}

// OfflineServerKey derives the key of a server by its name, while no midas runs with the state.
func OfflineServerKey(ctx context.Context, dir, name string) (account.ServerKey, error) {
	if _, err := readMasterKey(dir); err != nil {
		return readServerKey(dir, name) // which says what is missing; nothing is made
	}
	unlock, err := statedir.Lock(dir)
	if err != nil {
		return account.ServerKey{}, err
	}
	defer unlock()
	d, err := directory.Open(ctx, directory.Config{Path: filepath.Join(dir, "directory.db"), Alone: true})
	if err != nil {
		return account.ServerKey{}, err
	}
	defer d.Close()
	server, err := d.Server(ctx, name)
	if err != nil {
		return account.ServerKey{}, err
	}
	return readServerKey(dir, server.UniqueID)
}

// ServerKey implements arm.Accounts.
func (r restoring) ServerKey(ctx context.Context, server midas.Server) (account.KeyState, error) {
	store, err := r.account(ctx, server)
	if err != nil {
		return account.KeyState{}, err
	}
	return store.KeyState(), nil
}

// RotateServerKey implements arm.Accounts: the server gets the next version of its key. The
// version is noted first, so that the next start completes what a crash cuts short.
func (r restoring) RotateServerKey(ctx context.Context, server midas.Server) (account.KeyState, error) {
	store, err := r.account(ctx, server)
	if err != nil {
		return account.KeyState{}, err
	}
	done, err := r.rotateAlone(ctx, server)
	if err != nil {
		return account.KeyState{}, err
	}
	defer done()
	// One that was noted and could not be begun comes first.
	noted, err := statedir.ServerKeyVersion(r.config.State, server.UniqueID)
	if err != nil {
		return account.KeyState{}, err
	}
	version := max(store.KeyState().Version+1, noted)
	key, err := r.master.serverKey(server.UniqueID, version)
	if err == nil {
		err = r.noteKey(server, version)
	}
	if err == nil {
		err = store.Rekey(ctx, key)
	}
	return store.KeyState(), err
}

// rotateAlone waits for another change of the key of the same server. A backend that does not answer
// holds its own up: those of other servers may have leaked, and are changed meanwhile.
func (r restoring) rotateAlone(ctx context.Context, server midas.Server) (done func(), err error) {
	turn, _ := r.rotating.LoadOrStore(server.UniqueID, make(chan struct{}, 1))
	select {
	case turn.(chan struct{}) <- struct{}{}:
		return func() { <-turn.(chan struct{}) }, nil
	case <-ctx.Done():
		return nil, midas.Errorf(midas.Unavailable, "wait for another change of the key of server %s: %w", server.Name, ctx.Err())
	}
}

// noteKey notes the version in the file that all servers have in common.
func (r restoring) noteKey(server midas.Server, version int) error {
	r.notingKeys.Lock()
	defer r.notingKeys.Unlock()
	return statedir.WriteServerKeyVersion(r.config.State, server.UniqueID, version)
}
