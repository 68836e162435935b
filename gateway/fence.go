package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"sync/atomic"

	"github.com/midas-mysql/midas/internal/wire"
)

// An answer of the gateway's own must not overtake answers that the backend still owes: a
// client may send a statement of ours before it has read the answers to others. The gateway
// does not parse results and cannot see where they end, so it sends the backend a command with
// an unmistakable answer: COM_INIT_DB with a random name. The backend refuses it, and when
// that error comes all earlier commands have been answered.
//
// COM_INIT_DB takes no part in transactions and counts for no limit of queries.

// maxFence bounds the packet that refuses: the longest text is that of a user without
// privileges, which holds user, host and database.
const maxFence = 1 << 10

// fence is a COM_INIT_DB with a random name: its error proves that all earlier answers have
// been relayed.
type fence struct {
	name   []byte
	sole   bool          // nothing else has still to be answered
	passed chan struct{} // closed when its answer has come, and been taken out
}

func newFence(sole bool) *fence {
	var random [16]byte
	rand.Read(random[:])
	return &fence{name: []byte("midas_" + hex.EncodeToString(random[:])), sole: sole, passed: make(chan struct{})}
}

// answer returns where the fence's answer begins in what came since it was set, or -1. A
// backend may refuse without the name: in UTF-16, in which some clients want their errors,
// when KILL QUERY hits the fence, or while it wants an expired password changed. Then any
// error will do, if only the fence can be what it answers.
func (f *fence) answer(held []byte) int {
	if f.sole && len(held) > packetHeader && packetLength(held) == len(held)-packetHeader && held[3] == 1 && wire.IsERR(held[packetHeader:]) {
		return 0
	}
	return fenceAnswer(held, f.name)
}

// ping is a COM_PING behind a fence: the next packet is its answer.
type ping struct {
	answered chan struct{}
	answer   []byte // payload, set before answered is closed
}

// answers carries the backend's answers to the client, except those to the gateway's own
// questions: a fence or a ping, one at a time.
type answers struct {
	client io.Writer
	fence  atomic.Pointer[fence]
	ping   atomic.Pointer[ping]
	held   []byte        // of what came since the question was set, what may be its answer
	count  atomic.Uint64 // of pieces that have come
	// before runs once, before what comes next is passed on.
	before atomic.Pointer[func(next []byte)]
	// putAside is true when the gateway itself ends the connection to the backend. What the backend
	// says to that, as MySQL does when its TLS is closed, is no answer to the client.
	putAside atomic.Bool
}

// Write implements io.Writer. It is called by one goroutine, the one that copies.
func (a *answers) Write(p []byte) (int, error) {
	if a.putAside.Load() {
		return len(p), nil
	}
	a.count.Add(1)
	if a.before.Load() != nil {
		if before := a.before.Swap(nil); before != nil {
			(*before)(p)
		}
	}
	if f := a.fence.Load(); f != nil {
		return a.untilFence(f, p)
	}
	if q := a.ping.Load(); q != nil {
		return a.untilPing(q, p)
	}
	return a.client.Write(p)
}

// untilPing takes one packet out of the stream.
func (a *answers) untilPing(q *ping, p []byte) (int, error) {
	a.held = append(a.held, p...)
	if len(a.held) < packetHeader {
		return len(p), nil
	}
	length := packetLength(a.held)
	if len(a.held) < packetHeader+length && length < maxFence {
		return len(p), nil
	}
	rest := a.held
	if length < maxFence && wire.IsOK(rest[packetHeader:packetHeader+length]) {
		q.answer, rest = rest[packetHeader:packetHeader+length], rest[packetHeader+length:]
	}
	a.held = nil
	a.ping.Store(nil)
	close(q.answered)
	if len(rest) > 0 { // not the ping's: the backend ends the session, most likely
		if _, err := a.client.Write(rest); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func packetLength(p []byte) int { return int(p[0]) | int(p[1])<<8 | int(p[2])<<16 }

// untilFence holds back what may be the fence's answer.
func (a *answers) untilFence(f *fence, p []byte) (int, error) {
	a.held = append(a.held, p...)
	ready, passed := len(a.held)-maxFence, false
	if at := f.answer(a.held); at >= 0 {
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
		if packetLength(p) == len(p)-packetHeader && p[3] == 1 && wire.IsERR(p[packetHeader:]) && bytes.Contains(p, name) {
			return at
		}
	}
	return -1 // it has not come to its end
}
