package workload

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/vmns"
)

const mysqlPort = "3306"

// firstApart is the first address on the VM for servers that have one of their own. Debian gives
// 127.0.1.1 to the machine's own name, which must not lead to a database.
var firstApart = netip.MustParseAddr("127.0.2.1")

// places are the addresses on the VM of servers that the gateway does not serve at the common
// address, by name in lower case. A name leads to an address and to no port, so each needs its own
// to be found on port 3306. They are there before their servers are made.
type places map[string]string

func placesOf(running statedir.Running) places {
	p, at := places{}, firstApart
	for _, name := range slices.Sorted(maps.Keys(running.Apart)) {
		p[name] = at.String()
		at = at.Next()
	}
	return p
}

// of is where the names of a server lead.
func (p places) of(s Server) string {
	if own, is := p[strings.ToLower(s.Name)]; is {
		return own
	}
	return loopback
}

// hosts are the names of the servers with their addresses.
func (p places) hosts(servers []Server) map[string]string {
	hosts := map[string]string{}
	for _, s := range servers {
		hosts[s.Name], hosts[s.fqdn] = p.of(s), p.of(s)
	}
	return hosts
}

// forwards lead to the gateway, at its common address and at those of servers that have their own.
func (p places) forwards(running statedir.Running) []vmns.Forward {
	all := []vmns.Forward{forwardTo(insideMySQL, running.MySQL)}
	for name, own := range p {
		all = append(all, forwardTo(net.JoinHostPort(own, mysqlPort), running.MySQLOf(name)))
	}
	return all
}

// sameInside are the addresses that programs on the VM are told as they are here: tokens name their
// issuer by the control address, and the gateway sends clients on to a server's own.
func sameInside(running statedir.Running) (all []string) {
	if u, err := url.Parse(running.Control); err == nil {
		all = append(all, u.Host)
	}
	for _, name := range slices.Sorted(maps.Keys(running.Apart)) {
		all = append(all, running.Apart[name]...)
	}
	return all
}

// alsoInside makes addresses of this machine reachable from the VM under the same ones. Only a
// loopback address needs it and can have it, unless something else is there on the VM.
func alsoInside(forwards []vmns.Forward, addresses ...string) []vmns.Forward {
	for _, address := range addresses {
		at, err := netip.ParseAddrPort(address)
		taken := slices.ContainsFunc(forwards, func(f vmns.Forward) bool { return f.Inside == address })
		if err == nil && at.Addr().Is4() && at.Addr().IsLoopback() && !taken {
			forwards = append(forwards, forwardTo(address, address))
		}
	}
	return forwards
}

func forwardTo(inside, address string) vmns.Forward {
	return vmns.Forward{Inside: inside, Serve: func(l net.Listener) error { return ForwardTo(l, address) }}
}
