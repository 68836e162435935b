package gateway

import "sync"

// shares bounds how many sessions all servers have together, and each of them. A session costs two
// descriptors and some 50 KB, and how many a backend takes its owner says: those of one server must
// not use up what midas has for all.
//
// A server gets a further session while it has fewer than are free: one alone has half of them,
// and a server that has none finds one free, however many the others want. See lane.
type shares struct {
	mu   sync.Mutex
	free int
	held map[string]int // by the server's unique id
}

func newShares(sessions int) *shares {
	return &shares{free: sessions, held: map[string]int{}}
}

// take takes a session's place; give gives it back, and may be called more than once.
func (s *shares) take(server string) (give func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[server] >= s.free {
		return nil, false
	}
	s.free--
	s.held[server]++
	return sync.OnceFunc(func() { s.give(server) }), true
}

func (s *shares) give(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.held[server]--; s.held[server] == 0 {
		delete(s.held, server)
	}
}
