package gateway

import (
	"context"
	"sync"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// maxGreeting bounds what a backend may say before sign-in.
const maxGreeting = 64 << 10

// relayable are the capabilities that work between a client and the backend when
// nobody in between parses results: both sides must then agree on the same ones.
//
// Left out: compression, which would hide the commands; multi-factor sign-in, which
// ends at the gateway; COM_MULTI, which packs several commands into one; and LOAD DATA
// LOCAL, which makes a client's packets something else than commands. Where such a file
// ends is the backend's to say, so who interrupts it at the right moment gets bytes of the
// file read as commands by the backend that the gateway has not seen as such, one that
// signs in as another account among them.
const relayable = ^(wire.ClientSSL | wire.ClientCompress | wire.ClientZstdCompression | wire.ClientLocalFiles |
	wire.ClientMultiFactorAuthentication | wire.ClientCapabilityExtension |
	wire.ClientSSLVerifyServerCert | wire.ClientRememberOptions | wire.MariaDBComMulti)

// own are the capabilities of the gateway itself, whatever the backend can do.
const own = wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth |
	wire.ClientPluginAuthLenencClientData | wire.ClientConnectAttrs | wire.ClientConnectWithDB

// hello is how the backend introduces itself, so that clients hear the same.
type hello struct {
	mu       sync.Mutex
	greeting wire.Greeting
}

// learn asks the backend.
func (h *hello) learn(ctx context.Context, b Backend) error {
	conn, err := b.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	greeting, err := readGreeting(conn)
	if err != nil {
		return midas.Errorf(midas.Unavailable, "the backend does not greet as a MySQL server: %w", err)
	}
	h.remember(greeting)
	return nil
}

// remember keeps what a backend said last: it may have been upgraded behind us.
func (h *hello) remember(g wire.Greeting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.greeting = g
}

func (h *hello) last() wire.Greeting {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.greeting
}

// offered is what a client may choose from.
func (h *hello) offered() wire.Capability {
	return h.last().Capabilities&relayable | own
}

// toClient is the greeting for one client.
func (h *hello) toClient(id uint32, nonce []byte) wire.Greeting {
	g := h.last()
	g.ConnectionID = id
	g.AuthData = nonce
	g.Capabilities = h.offered() | wire.ClientSSL
	g.Plugin = wire.PluginCachingSHA2
	return g
}
