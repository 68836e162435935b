// Package azcli is az's words: the commands of Azure's command line about groups, identities,
// VMs, MySQL servers, the directory, roles and locks, with az's flags and the shapes of its
// answers. One file holds one command.
//
// It decides nothing itself: each command is a few requests to the control endpoint, which
// az could have sent as well. It links no server.
package azcli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
)

// Config says what az's commands work with.
type Config struct {
	Terminal *output.Terminal
	Session  *armclient.Session
	Now      func() time.Time
	// UnderVM are commands of "vm" besides az's own.
	UnderVM []*cobra.Command
}

// CLI makes az's commands.
type CLI struct {
	*output.Terminal
	*armclient.Session
	now     func() time.Time
	underVM []*cobra.Command
}

// New returns one whose commands read Terminal and Session as they are when a command
// begins.
func New(cfg Config) *CLI {
	return &CLI{Terminal: cfg.Terminal, Session: cfg.Session, now: cfg.Now, underVM: cfg.UnderVM}
}

// Resources are the commands about what is in a subscription or a tenant.
func (c *CLI) Resources() []*cobra.Command {
	return []*cobra.Command{
		c.newGroupCommand(), c.newIdentityCommand(), c.newVMCommand(), c.newMySQLCommand(),
		c.newADCommand(), c.newResourceCommand(), c.newRoleCommand(), c.newLockCommand(), c.newMonitorCommand(),
	}
}

// SigningIn are the commands about the principal that the others speak as.
func (c *CLI) SigningIn() []*cobra.Command {
	return []*cobra.Command{c.newLoginCommand(), c.newLogoutCommand(), c.newAccountCommand()}
}

// api is a client of the control endpoint, with the requests that several commands make.
type api struct{ *armclient.Client }

func (c *CLI) api() (*api, error) {
	a, err := c.Client()
	if err != nil {
		return nil, err
	}
	return &api{a}, nil
}
