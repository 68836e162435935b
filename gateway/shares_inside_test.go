package gateway

import (
	"fmt"
	"testing"

	"github.com/midas-mysql/midas"
)

// Who may make servers in one resource group makes many, and has each take all it can: those
// of other groups, and a further one of the same, must find places.
func TestServersOfOneGroupLeaveRoomForOthers(t *testing.T) {
	const sessions = 1024
	s := newShares(sessions)
	in := func(group, name string) midas.Server {
		return midas.Server{UniqueID: name, ResourceID: "/subscriptions/s/resourceGroups/" + group + "/providers/p/servers/" + name}
	}
	fill := func(server midas.Server) (n int) {
		for {
			if _, ok := s.take(server); !ok {
				return n
			}
			n++
		}
	}
	if n := fill(in("greedy", "first")); n != sessions/2 {
		t.Errorf("a server alone has %d of %d sessions, want half", n, sessions)
	}
	if n := fill(in("Greedy", "second")); n < sessions/8 {
		t.Errorf("another server of that group has %d of %d sessions", n, sessions)
	}
	for i := range 50 {
		fill(in("greedy", fmt.Sprint(i)))
	}
	if s.free < sessions/4 {
		t.Errorf("%d of %d sessions are left to other groups, want a quarter", s.free, sessions)
	}
	give, ok := s.take(in("other", "victim"))
	if !ok {
		t.Fatal("a server of another group has no session")
	}
	give()
	give()
	if n := fill(in("other", "victim")); n != sessions/8 {
		t.Errorf("a server of another group has %d of %d sessions, want half of what is left", n, sessions)
	}
}
