package stack

import (
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/directory"
)

// settings are the parameters of private servers. The directory keeps them for the next start.
type settings struct{ stack *Stack }

// Settable implements arm.Settings: of a database that somebody else runs, and of an engine,
// nothing is.
func (p settings) Settable(s midas.Server, name string) bool {
	return p.stack.bindings.isPrivate(s) && backend.Parameter(name)
}

// Set implements arm.Settings. The server that runs judges the value first: one that it refuses
// would keep it from starting.
func (p settings) Set(ctx context.Context, by *directory.Operation, s midas.Server, name, value string) error {
	if value != "" {
		// One that was stopped cannot judge.
		one, err := p.stack.bindings.Backend(ctx, s)
		if err != nil {
			return err
		}
		running, is := one.(*backend.Backend)
		if !is {
			return midas.Errorf(midas.Invalid, "server %s has no parameters to set", s.Name)
		}
		if err := running.SetParameter(ctx, name, value); err != nil {
			return err
		}
	}
	return p.stack.directory.SetBackendParameter(ctx, by, s.UniqueID, name, value)
}

// All implements arm.Settings.
func (p settings) All(ctx context.Context, s midas.Server) (map[string]string, error) {
	return p.stack.directory.BackendParameters(ctx, s.UniqueID)
}
