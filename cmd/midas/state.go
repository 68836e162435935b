package main

import (
	"slices"

	"github.com/spf13/cobra"
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
