//go:build !linux

package relay

import (
	"net"
	"time"
)

func userTimeout(net.Conn, time.Duration) {}
