package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/azcli"
)

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

// isEnv reports whether the program was called as `midas env`. Where its flags cannot be
// understood, the word alone tells.
func isEnv(root *cobra.Command, args []string) bool {
	args = azcli.Spread(args)
	cmd, _, err := root.Find(args)
	if err != nil || cmd == root {
		return slices.Contains(args, "env")
	}
	return topCommand(cmd).Name() == "env"
}
