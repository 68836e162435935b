package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// stateTree is everything in a state directory that midas reads. Nothing has to be added
// here for a new file.
func stateTree(dir string, shared bool) keyfile.Tree {
	return keyfile.Tree{Dir: dir, Shared: shared, Skip: func(relative string) bool {
		return relative == backendDir+"/data" || strings.HasPrefix(relative, clientDir+"/az-") // thousands of tables, and az's cache
	}}
}

// checkState refuses a state that somebody else could have made, in whole or in part: a
// planted directory decides who is an administrator, and a planted up.json or login.json
// where the operator's secret is sent.
func checkState(dir string, shared bool) error {
	err := stateTree(dir, shared).Check()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // commands say what they miss
	}
	return unsafeState(dir, err)
}

// mendState is checkState for the midas that serves from dir. Write access that an earlier
// version or a umask gave to others it takes away, and says so.
func mendState(dir string, shared bool, log *slog.Logger) error {
	tree := stateTree(dir, shared)
	changed, err := tree.Mend()
	for _, was := range changed {
		log.Warn("other users could write to the state and cannot any more; if one did, restore it from a backup", "was", was)
	}
	if err == nil {
		err = tree.Check()
	}
	return unsafeState(dir, err)
}

func unsafeState(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyfile.ErrUnsafe):
		return midas.Errorf(midas.Invalid, "the state %s cannot be trusted: %w", dir, err).
			WithHint("run midas as the user whose state it is, or name another directory with --state")
	}
	return midas.Errorf(midas.Internal, "look at the state %s: %w", dir, err)
}

// readsState reports whether a command reads the state that is there. The servers look at
// it themselves, and demo has one of its own.
func readsState(cmd *cobra.Command) bool {
	return !slices.Contains([]string{"up", "demo", "version", "help", "completion"}, topCommand(cmd).Name())
}

// topCommand is the command below the root that cmd is or belongs to.
func topCommand(cmd *cobra.Command) *cobra.Command {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd
}
