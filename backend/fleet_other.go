//go:build !unix

package backend

import (
	"context"
	"log/slog"
)

// FleetConfig says where private servers live.
type FleetConfig struct {
	Dir, Binary string
	Password    func(serverID string) string
	Log         *slog.Logger
}

// Fleet has no servers: private ones need a Unix system.
type Fleet struct{}

// NewFleet returns a fleet that has no servers.
func NewFleet(FleetConfig) (*Fleet, error) { return &Fleet{}, nil }

// Open is NotFound.
func (*Fleet) Open(context.Context, string, PrivateOptions) (*Backend, error) {
	return nil, needsUnix()
}

// Dialect, Remove, Servers, TakeOver and Close have nothing to do.
func (*Fleet) Dialect(string) string         { return "" }
func (*Fleet) Remove(string) error           { return nil }
func (*Fleet) Servers() ([]string, error)    { return nil, nil }
func (*Fleet) TakeOver(string) (bool, error) { return false, nil }
func (*Fleet) Close() error                  { return nil }
