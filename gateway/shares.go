package gateway

import (
	"strings"
	"sync"

	"github.com/midas-mysql/midas"
)

// shares bounds how many sessions all servers have together, each resource group and each server. A
// session costs two descriptors and some 50 KB, and how many a backend takes its owner says: those
// of one server must not use up what midas has for all. Nor must those of one
// group: people who may make servers there can make many, and each would take its part of what the
// others leave.
//
// A server alone has half of all sessions, and all servers of a group three quarters: the group may
// have three for each that is free, and a server half of what its group still lacks of that.
// So a group that has none finds one free, however many another one wants. See lane.
type shares struct {
	mu   sync.Mutex
	free int
	held map[string]int // by the server's unique id, and by the scope of its group
}

func newShares(sessions int) *shares {
	return &shares{free: sessions, held: map[string]int{}}
}

// take takes a session's place; give gives it back, and may be called more than once.
func (s *shares) take(server midas.Server) (give func(), ok bool) {
	return s.takeFor(groupOf(server), server.UniqueID)
}

func (s *shares) takeFor(group, server string) (give func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if 2*s.held[server] >= 3*s.free-s.held[group] {
		return nil, false
	}
	s.free--
	s.held[server]++
	s.held[group]++
	return sync.OnceFunc(func() { s.give(server, group) }), true
}

func (s *shares) give(holders ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	for _, holder := range holders {
		if s.held[holder]--; s.held[holder] == 0 {
			delete(s.held, holder)
		}
	}
}

// groupOf is the scope of the resource group that a server is in.
func groupOf(server midas.Server) string {
	scope, _, _ := strings.Cut(strings.ToLower(server.ResourceID), "/providers/")
	return scope + "/"
}
