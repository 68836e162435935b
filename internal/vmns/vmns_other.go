//go:build !linux

package vmns

import (
	"context"

	"github.com/midas-mysql/midas"
)

// Enter does nothing: this system has no network namespaces.
func Enter() {}

// Run returns ErrForbidden: this system has no network namespaces.
func Run(context.Context, Config) (exitCode int, err error) {
	return 0, midas.Errorf(midas.Unavailable, "%w", ErrForbidden)
}
