package clientkey

import (
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	for remote, want := range map[string][2]string{
		"198.51.100.7:99":           {"198.51.100.7", "invalid Prefix"},
		"198.51.100.7":              {"198.51.100.7", "invalid Prefix"},
		"[::ffff:198.51.100.7]:99":  {"198.51.100.7", "invalid Prefix"}, // by a listener of both families
		"[2001:db8:1:2:3:4:5:6]:99": {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:2::":            {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"[fe80::1:2:3:4%eth0]:99":   {"fe80::/64", "fe80::/48"},
		"127.0.0.1:99":              {"loopback", "invalid Prefix"},
		"127.4.3.2":                 {"loopback", "invalid Prefix"},
		"[::1]:99":                  {"loopback", "invalid Prefix"},
		"[::ffff:127.0.0.1]:99":     {"loopback", "invalid Prefix"},
		"@":                         {"loopback", "invalid Prefix"}, // a Unix socket
		"":                          {"loopback", "invalid Prefix"},
	} {
		if s := Parse(remote); s.String() != want[0] || s.Network.String() != want[1] || s.Local() != (want[0] == "loopback") {
			t.Errorf("%s: %s of %s", remote, s, s.Network)
		}
	}
}

func TestSubscriber(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.2": "127.0.0.2/32", "::ffff:127.0.0.2": "127.0.0.2/32", "::1": "::1/128",
		"198.51.100.7": "198.51.100.7/32", "2001:db8::1%eth0": "2001:db8::/64",
	} {
		if got := Subscriber(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	if p := Subscriber(netip.Addr{}); p.IsValid() {
		t.Errorf("of no address: %s", p)
	}
}
