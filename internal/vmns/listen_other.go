//go:build !linux

package vmns

import (
	"net"

	"github.com/midas-mysql/midas"
)

// Listen returns ErrForbidden: this system has no network namespaces.
func Listen(string, string) (net.Listener, error) {
	return nil, midas.Errorf(midas.Unavailable, "%w", ErrForbidden)
}
