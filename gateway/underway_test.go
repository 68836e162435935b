package gateway

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/midas-mysql/midas"
)

// TestServersThatHangLeavePlaces: somebody with fifty servers that answer no sign-in leaves places at
// their own address to everybody else there, and at others more.
func TestServersThatHangLeavePlaces(t *testing.T) {
	u := newUnderWay(2048, 1024)
	here, there := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	server := func(group string, i int) midas.Server {
		return midas.Server{UniqueID: fmt.Sprint(group, i), ResourceID: "/subscriptions/s/resourceGroups/" + group + "/providers/p"}
	}
	var gives []func()
	hang := func(source netip.Prefix) (held int) {
		for i := range 50 {
			for _, take := range []func(netip.Prefix, midas.Server) (func(), bool){u.byToken, u.byPassword} {
				for give, ok := take(source, server("theirs", i)); ok; give, ok = take(source, server("theirs", i)) {
					gives, held = append(gives, give), held+1
				}
			}
		}
		return held
	}
	if held := hang(here); held < 512 || held > 1024-1024/16 {
		t.Errorf("they hold %d of 1024 places of their address", held)
	}
	ours := func(source netip.Prefix, n int) {
		for i := range n {
			give, ok := u.byToken(source, server("ours", 0))
			if !ok {
				t.Errorf("no place for the sign-in %d of another group from %v", i+1, source)
				return
			}
			defer give()
		}
	}
	ours(here, 20)
	hang(there)
	for i := range 16 {
		ours(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), 32), 20)
	}
	for _, give := range gives {
		give()
		give()
	}
	if len(u.sources) != 0 || len(u.all.held) != 0 || u.all.free != 2048 {
		t.Errorf("after they left: %d sources, %d servers, %d free", len(u.sources), len(u.all.held), u.all.free)
	}
}
