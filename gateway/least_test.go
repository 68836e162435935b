package gateway

import (
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/wire"
)

// greetingsOf are those of backends that greeted one after the other, by the server's id.
func greetingsOf(servers []midas.Server, greeted map[string][]wire.Greeting) *greetings {
	g := newGreetings(serverChoice{}, newBackends(nil, 8, 8), time.Second, time.Now)
	for _, server := range servers {
		for _, one := range greeted[server.UniqueID] {
			g.backends.about(server).remember(one)
		}
	}
	return g
}

// TestOneBackendSpoilsNoCommonAddress: the owner of one server's database has it greet as it likes,
// and kept the clients of all servers of the same address out.
func TestOneBackendSpoilsNoCommonAddress(t *testing.T) {
	const all = usual | wire.ClientPSMultiResults | wire.ClientDeprecateEOF
	mysql := wire.Greeting{Version: "9.7.0", Capabilities: all}
	servers := []midas.Server{{Name: "theirs", UniqueID: "1"}, {Name: "ours", UniqueID: "2"}}
	for name, turned := range map[string]wire.Greeting{
		"another family":           {Version: "9.7.0-MariaDB", Capabilities: all},
		"no family":                {Version: unknown.Version, Capabilities: all},
		"a version of no use":      {Version: "3.23.58", Capabilities: all},
		"a version without number": {Version: " ", Capabilities: all},
		"no results of procedures": {Version: "9.7.0", Capabilities: all &^ wire.ClientMultiResults},
	} {
		g := greetingsOf(servers, map[string][]wire.Greeting{"1": {mysql, {Capabilities: all}, turned}, "2": {mysql}})
		known, silent := g.known(servers)
		if got := least(known); len(silent) != 0 || got.Version != mysql.Version || got.Capabilities != all {
			t.Errorf("%s: clients of the other server are greeted with %q, %x", name, got.Version, got.Capabilities)
		}
		// A server that is alone is greeted for as it is.
		known, _ = g.known(servers[:1])
		if got := least(known); got.Version != turned.Version || got.Capabilities != turned.Capabilities {
			t.Errorf("%s: its own clients are greeted with %q, %x", name, got.Version, got.Capabilities)
		}
	}
	// All of an address may be moved to another family.
	maria := wire.Greeting{Version: "5.5.5-10.11.6-MariaDB", Capabilities: all}
	known, _ := greetingsOf(servers, map[string][]wire.Greeting{"1": {mysql, maria}, "2": {mysql, maria}}).known(servers)
	if got := least(known); got.Version != maria.Version {
		t.Errorf("after a move of both: %q", got.Version)
	}
}
