package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/midas-mysql/midas/wire"
)

// What the gateway answers itself must not overtake what the backend has still to answer:
// a client may send a statement of ours before it has read the answers to others. Where
// those end cannot be told without reading them, so the backend is asked something whose
// answer is unmistakable: to use a database with a name that nobody else knows. It
// refuses, and when that refusal comes all that was asked before has been answered.
//
// COM_INIT_DB takes no part in transactions and counts for no limit of queries.

// maxFence bounds the packet that refuses: the longest text is that of a user without
// privileges, which holds user, host and database.
const maxFence = 1 << 10

// fence is one such question.
type fence struct {
	name   []byte
	passed chan struct{} // closed when its answer has come, and been taken out
}

func newFence() *fence {
	var random [16]byte
	rand.Read(random[:])
	return &fence{name: []byte("midas_" + hex.EncodeToString(random[:])), passed: make(chan struct{})}
}

// answers carries what the backend says to the client, untouched but for a fence's answer.
type answers struct {
	client io.Writer
	fence  atomic.Pointer[fence]
	held   []byte // of what came since the fence was set, what may be its answer
}

// Write implements io.Writer. It is called by one goroutine, the one that copies.
func (a *answers) Write(p []byte) (int, error) {
	f := a.fence.Load()
	if f == nil {
		return a.client.Write(p)
	}
	a.held = append(a.held, p...)
	ready, passed := len(a.held)-maxFence, false
	if at := fenceAnswer(a.held, f.name); at >= 0 {
		ready, passed = at, true
	}
	if ready > 0 {
		if _, err := a.client.Write(a.held[:ready]); err != nil {
			return 0, err
		}
		a.held = append(a.held[:0], a.held[ready:]...)
	}
	if passed {
		a.held = nil
		a.fence.Store(nil)
		close(f.passed)
	}
	return len(p), nil
}

// fenceAnswer returns where the packet begins that refuses the database called name, or
// -1. It is the last packet there is, since nothing was asked after it.
func fenceAnswer(stream, name []byte) int {
	if !bytes.Contains(stream, name) {
		return -1
	}
	for at := max(0, len(stream)-maxFence); at+packetHeader < len(stream); at++ {
		p := stream[at:]
		length := int(p[0]) | int(p[1])<<8 | int(p[2])<<16
		if length == len(p)-packetHeader && p[3] == 1 && wire.IsERR(p[packetHeader:]) && bytes.Contains(p, name) {
			return at
		}
	}
	return -1 // it has not come to its end
}

// errUnsettled ends a session whose backend did not answer in time. A client that waits for
// its answers before it sends a statement of ours never sees it.
var errUnsettled = errors.New("the backend has not answered what came before a statement of the gateway's own")

// settled returns when the backend has answered everything that it was sent. It waits no
// longer than a sign-in may take: nobody listens to the client meanwhile, so one that has
// hung up would not be noticed. And the backend may refuse in other words, while it
// wants an expired password changed, or when the question itself is killed, or without
// any, to a client that wants its results in UTF-16.
func (r *relayed) settled() error {
	f := newFence()
	r.toClient.fence.Store(f)
	if err := r.instead(append([]byte{byte(wire.ComInitDB)}, f.name...)); err != nil {
		return err
	}
	timer := time.NewTimer(r.SignInTimeout)
	defer timer.Stop()
	select {
	case <-f.passed:
		return nil
	case <-timer.C:
		return errUnsettled
	case <-r.answered: // the backend has hung up
		return io.ErrUnexpectedEOF
	}
}
