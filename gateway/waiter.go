package gateway

import "github.com/midas-mysql/midas/internal/relay"

// countedMoves is how many reads of one client bring its place behind the others'. A sign-in
// has fewer. Without a bound a client that sends one byte at a time would keep its place.
const countedMoves = 8

// waiter is the client that has a place, as far as limits sees it.
type waiter interface {
	drop() // closes the connection
	// moved tells that the next move is the gateway's, though it has not come to note it.
	moved() bool
}

func (c *client) drop() { c.raw.Close() }

func (c *client) moved() bool { return !c.listens.Load() || c.raw.Unread() }

// listening is the raw connection, which knows when the gateway waits for the client: under a
// flood it comes late to what was sent, and a client must not lose its place for that. The
// packets of a TLS handshake are moves, too.
type listening struct {
	*relay.Guarded
	client  *client
	counted int // of the reads so far
}

// Read implements net.Conn.
func (c *listening) Read(p []byte) (n int, err error) {
	c.client.listens.Store(true)
	n, err = c.Guarded.Read(p)
	c.client.listens.Store(false)
	if n > 0 && c.counted < countedMoves {
		c.counted++
		c.client.place.awaiting()
	}
	return n, err
}
