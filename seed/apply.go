package seed

import (
	"context"
	"errors"

	"github.com/midas-mysql/midas"
)

// Config says where a world is made.
type Config struct {
	Directory Directory
	// Trial returns a copy of the directory, on which the world is tried out.
	Trial func(context.Context) (Trial, error)
	// DefaultAdmin administers servers that are made and name no administrator; nil for
	// none.
	DefaultAdmin *midas.Administrator
	// Getenv reads the environment variables that hold passwords.
	Getenv func(string) string
	Folder string // where relative paths of the file begin
}

// Apply brings the directory to what w says and returns a line for each thing that was
// made or changed. It is tried out on a copy first: a world that cannot be made as a
// whole changes nothing. Errors name the line and the field.
func (w *World) Apply(ctx context.Context, cfg Config) ([]string, error) {
	if err := w.twice(); err != nil {
		return nil, err
	}
	trial, err := cfg.Trial(ctx)
	if err != nil {
		return nil, err
	}
	defer trial.Close()
	tried := &maker{World: w, Config: cfg, trial: true}
	tried.Directory = trial
	if err := tried.make(ctx); err != nil {
		return nil, err
	}
	made := &maker{World: w, Config: cfg}
	err = made.make(ctx)
	return made.changes, err
}

// maker makes one world.
type maker struct {
	*World
	Config
	trial   bool // on a copy: nothing outside of the directory is touched
	changes []string
}

// make goes from what stands alone to what refers to it.
func (m *maker) make(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		m.makeUsers, m.makeApplications, m.makeResourceGroups, m.makeIdentities, m.makeFederatedCredentials, m.makeVMs, m.makeGroups, m.makeServers,
		m.makeRoleAssignments,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) changed(what, name string) { m.changes = append(m.changes, what+" "+name) }

// at puts an error of the directory where it belongs in the file: at path, or, where that
// is a name and the error is about another property beside it, at that. What is not the
// file's fault stays as it is.
func (m *maker) at(err error, path ...any) error {
	if err == nil {
		return nil
	}
	var about *midas.Error
	if last := len(path) - 1; errors.As(err, &about) && about.Property != "" && path[last] == "name" {
		path = append(path[:last:last], about.Property)
	}
	switch midas.CodeOf(err) {
	case midas.Invalid, midas.NotFound, midas.Conflict:
		return m.complain("%s", []any{err}, path...).WithHint("%s", midas.HintOf(err))
	}
	return err
}

func (m *maker) location(own string) string {
	if own == "" {
		return m.Location
	}
	return own
}
