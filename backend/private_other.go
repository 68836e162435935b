//go:build !unix

package backend

import (
	"context"
	"log/slog"

	"github.com/midas-mysql/midas"
)

// child is a private server's process; there is none on this system.
type child struct {
	done chan struct{}
	err  error
}

func (*child) close() {}

// PrivateConfig says where a private server lives.
type PrivateConfig struct {
	Dir, Binary, Password string
	Log                   *slog.Logger
}

// Installed returns "": private servers need a Unix system.
func Installed() string { return "" }

// Private is NotFound: private servers need a Unix system.
func Private(context.Context, PrivateConfig) (*Backend, error) {
	return nil, midas.Errorf(midas.NotFound, "a private database server needs a Unix system").
		WithHint("name a running server with --backend mysql://user:password@host:port, or use the embedded engine")
}
