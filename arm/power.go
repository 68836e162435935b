package arm

import (
	"context"
	"errors"
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// Power is what an operator does with the database process of a server.
type Power string

// The powers, by the last segment of their paths.
const (
	Start   Power = "start"
	Stop    Power = "stop"
	Restart Power = "restart"
)

// Backends are the databases behind the servers, one of its own for each.
type Backends interface {
	// Admit tells why a server of that name that is to be made in a group could have no backend.
	Admit(ctx context.Context, group, name string) error
	// Bind gives a server that was made its backend, and starts it.
	Bind(ctx context.Context, s midas.Server) error
	// Stopped tells whether a server was stopped.
	Stopped(s midas.Server) bool
	// Power is Invalid for a database that somebody else runs.
	Power(ctx context.Context, s midas.Server, to Power) error
	// Upgrade has a server run the version that it has now.
	Upgrade(ctx context.Context, s midas.Server) error
}

func (a *API) routePower(t *routes) {
	if a.Backends == nil {
		return
	}
	for _, to := range []Power{Start, Stop, Restart} {
		t.add(http.MethodPost, server+"/{name}/"+string(to), serverType+"/"+string(to)+"/action", func(c *call) (answer, error) {
			s, err := a.loadServer(c)
			if err == nil {
				err = hinted(a.Backends.Power(context.WithoutCancel(c.Context()), s.Server(), to))
			}
			return answer{status: http.StatusOK, deed: changedElsewhere}, err
		})
	}
}

func (a *API) admitServer(c *call) error {
	if a.Backends == nil {
		return nil
	}
	return hinted(a.Backends.Admit(c.Context(), c.vars["group"], c.vars["name"]))
}

// errSilentBackend is for those who may know of a server, not where its database is.
var errSilentBackend = &armError{
	status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
	message: "The database behind the server does not answer. Retry when it runs; the log of midas says what it met there.",
}

// hinted puts the way out of a backend's error into its message: an answer has no place for hints.
func hinted(err error) error {
	if midas.CodeOf(err) == midas.Unavailable {
		return errors.Join(errSilentBackend, err)
	}
	hint := midas.HintOf(err)
	if hint == "" {
		return err
	}
	return midas.Errorf(midas.CodeOf(err), "%w; %s", err, hint)
}

// bindServer gives a server that was made its backend. One that gets none is not there afterwards.
func (a *API) bindServer(c *call, s directory.Server) error {
	if a.Backends == nil {
		return nil
	}
	ctx := context.WithoutCancel(c.Context()) // a client that leaves takes no server with it
	err := hinted(a.Backends.Bind(ctx, s.Server()))
	if err == nil {
		return nil
	}
	if undo := a.Directory.UndoServer(ctx, s); undo != nil {
		a.Log.ErrorContext(ctx, "a server without a backend stays", "server", s.Name, "error", undo, midas.HintAttr(undo))
		return err
	}
	a.ServersDeleted(ctx)
	return err
}

// upgradeServer has a server run the version that it was given. One that cannot keeps the version
// that it had.
func (a *API) upgradeServer(c *call, before, s directory.Server) error {
	if a.Backends == nil || before.Version == "" || before.Version == s.Version {
		return nil
	}
	ctx := context.WithoutCancel(c.Context())
	err := hinted(a.Backends.Upgrade(ctx, s.Server()))
	if err == nil {
		return nil
	}
	back := directory.ServerChange{Version: before.Version}
	if _, undo := a.Directory.PatchServer(ctx, nil, c.vars["group"], c.vars["name"], back); undo != nil {
		a.Log.ErrorContext(ctx, "a server keeps a version that it cannot run", "server", s.Name, "error", undo, midas.HintAttr(undo))
		return err
	}
	if again := a.Backends.Upgrade(ctx, s.Server()); again != nil {
		a.Log.ErrorContext(ctx, "a server does not run", "server", s.Name, "error", again, midas.HintAttr(again))
	}
	return err
}

func (a *API) state(s directory.Server) string {
	if a.Backends != nil && a.Backends.Stopped(s.Server()) {
		return "Stopped"
	}
	return "Ready"
}
