package stack

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/midas-mysql/midas/internal/connections"
)

// httpPort is how a port that speaks HTTP is served.
type httpPort struct {
	log         *slog.Logger
	connections int // at most open at a time
}

// httpPort is that of each port of the stack.
func (s *Stack) httpPort() httpPort {
	ports := 2 + len(s.ownListeners) // control and metadata
	if s.opsLn != nil {
		ports++
	}
	if s.proxyLn != nil {
		ports += 2 // its tunnels are counted apart
	}
	return httpPort{log: s.log, connections: connections.Share(ports)}
}

// serve serves h on ln until ctx ends, then lets requests finish for a moment.
func (p httpPort) serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := connections.NewServer(ctx, connections.Config{Handler: h, Connections: p.connections, Log: p.log})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if server.Shutdown(closing) != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
