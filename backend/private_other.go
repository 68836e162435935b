//go:build !unix

package backend

import (
	"context"
	"log/slog"

	"github.com/midas-mysql/midas"
)

// private is the life of a private server; there is none on this system.
type private struct{}

func (*private) close() {}

// PrivateConfig says where a private server lives.
type PrivateConfig struct {
	Dir, Secret, Binary, Password string
	PrivateOptions
	Log *slog.Logger
}

// Installed returns "": private servers need a Unix system.
func Installed() string { return "" }

// Private is NotFound: private servers need a Unix system.
func Private(context.Context, PrivateConfig) (*Backend, error) { return nil, needsUnix() }

// Start, Stop and Restart are for private servers.
func (b *Backend) Start(context.Context, PrivateOptions) error   { return notOurs(b) }
func (b *Backend) Stop() error                                   { return notOurs(b) }
func (b *Backend) Restart(context.Context, PrivateOptions) error { return notOurs(b) }

// Stopped is false.
func (*Backend) Stopped() bool { return false }

func needsUnix() error {
	return midas.Errorf(midas.NotFound, "a private database server needs a Unix system").
		WithHint("name a running server with --backend mysql://user:password@host:port, or use the embedded engine")
}
