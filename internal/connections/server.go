package connections

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of each port. The times are for clients that open a connection and never say what
// they want, or never take what they asked for.
const (
	headerTimeout = 5 * time.Second
	wholeTimeout  = 30 * time.Second // of a request, and of its answer
	idleTimeout   = 2 * time.Minute
	writeStall    = 10 * time.Second // of a connection over HTTP/2 that takes no byte

	// maxHeader bounds what a request holds before anything is known of it. An access
	// token, the longest thing in a header, has 1 to 12 KiB.
	maxHeader = 32 << 10
	// maxStreams is how many requests one connection over HTTP/2 has under way. The
	// libraries that speak it open another connection for more.
	maxStreams = 16
	// maxFrame and maxUnread bound what one connection over HTTP/2 holds of content that no
	// handler has asked for. Both are the least that the protocol allows.
	maxFrame  = 16 << 10
	maxUnread = 64 << 10
)

// Config says what a port serves.
type Config struct {
	Handler     http.Handler
	Connections int          // at most open at a time, as of Share
	Log         *slog.Logger // nil for silence
}

// NewServer returns a server that holds no more than a port may: of connections, of time,
// and of memory for requests. Requests do not end with ctx, so that they can be finished
// while the server shuts down.
func NewServer(ctx context.Context, cfg Config) *http.Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	server := &http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       wholeTimeout,
		WriteTimeout:      wholeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxFrame, WriteByteTimeout: writeStall,
			MaxReceiveBufferPerConnection: maxUnread, MaxReceiveBufferPerStream: maxUnread,
		},
		// What goes wrong with a connection is a stranger's doing: none may fill the log.
		ErrorLog:    slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	limit(server, cfg.Connections)
	return server
}

// limit has server hold at most total connections, a quarter of them from one subscriber of
// a network and half from one customer of a provider. When there are more, the one closed is that
// whose client has let the port wait longest: an idle one, or one of the newcomer's own party that
// has begun a request and does not end it, or does not take the answer. When there is none, it is
// the oldest of the party with most; and the newest where that party opened it.
//
// It wraps the handler and takes ConnState and ConnContext, so all else is set before.
func limit(server *http.Server, total int) {
	l := newLimiter(total)
	server.ConnState = l.changed
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	content := contentless(patient(server.Handler, server.ReadTimeout), server.ReadTimeout)
	server.Handler = l.admit(newHoldings(strangersHold, principalsHold).admit(content))
}
