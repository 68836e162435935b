// Package workload makes a program on this machine a workload of midas: env prints the
// variables with which it acts as a VM, and run starts it in a private network in which the
// VM's addresses are served.
//
// It owns those variables, the files that make clients trust midas, and the forwarders of the
// private network. It recognises nobody and issues nothing: the secret that makes a program a
// VM comes from the control endpoint.
package workload

import (
	"time"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
)

// Config says what the commands work with.
type Config struct {
	Terminal *output.Terminal
	Session  *armclient.Session
	Now      func() time.Time
}

// Runner makes the commands by which a program becomes a workload.
type Runner struct {
	*output.Terminal
	*armclient.Session
	now func() time.Time
}

// New returns one whose commands read Terminal and Session as they are when a command
// begins.
func New(cfg Config) *Runner {
	return &Runner{Terminal: cfg.Terminal, Session: cfg.Session, now: cfg.Now}
}
