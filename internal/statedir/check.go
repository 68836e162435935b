package statedir

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// tree is everything in a state directory that midas reads. Nothing has to be added here
// for a new file.
func tree(dir string, shared bool) keyfile.Tree {
	return keyfile.Tree{Dir: dir, Shared: shared, Skip: func(relative string) bool {
		return relative == BackendDir+"/data" || strings.HasPrefix(relative, ClientDir+"/az-") // thousands of tables, and az's cache
	}}
}

// Check refuses a state that another user of the machine could have made, in whole or in
// part: a planted directory decides who is an administrator, and a planted up.json or
// login.json where the operator's secret is sent.
func Check(dir string, shared bool) error {
	err := tree(dir, shared).Check()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // each command names the file it misses
	}
	return unsafe(dir, err)
}

// Mend is Check for the midas that serves from dir: it takes away the write access that an
// earlier version or a umask gave to other users, and logs each file that had it.
func Mend(dir string, shared bool, log *slog.Logger) error {
	state := tree(dir, shared)
	changed, err := state.Mend()
	for _, was := range changed {
		log.Warn("other users could write to the state and cannot any more; if one did, restore it from a backup", "was", was)
	}
	if err == nil {
		err = state.Check()
	}
	return unsafe(dir, err)
}

func unsafe(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyfile.ErrUnsafe):
		return midas.Errorf(midas.Invalid, "the state %s cannot be trusted: %w", dir, err).
			WithHint("run midas as the user whose state it is, or name another directory with --state")
	}
	return midas.Errorf(midas.Internal, "look at the state %s: %w", dir, err)
}
