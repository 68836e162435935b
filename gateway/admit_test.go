package gateway

import (
	"net/netip"
	"testing"
)

func TestHostMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, source string
		want            bool
	}{
		{"%", "10.1.2.3", true},
		{"%", "2001:db8::1", true},
		{"10.1.%", "10.1.2.3", true},
		{"10.1.%", "10.10.2.3", false},
		{"10.1.2._", "10.1.2.3", true},
		{"10.1.2._", "10.1.2.33", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.30", false},
		{"%.2.%", "10.1.2.3", true},
		{"%3", "10.1.2.3", true},
		{"%4", "10.1.2.3", false},
		{"", "10.1.2.3", false},
		{"localhost", "127.0.0.1", true},
		{"localhost", "127.8.0.1", true},
		{"localhost", "::1", true},
		{"localhost", "10.1.2.3", false},
		{"10.1.2.0/255.255.255.0", "10.1.2.3", true},
		{"10.1.2.0/255.255.255.0", "10.1.3.3", false},
		{"10.1.2.0/255.255.255.0", "2001:db8::1", false},
		{"10.1.2.0/24", "10.1.2.3", true},
		{"10.1.2.0/24", "10.1.3.3", false},
		{"10.1.2.0/24", "2001:db8::1", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:db8::%", "2001:db8::1", true},
		{"db.example.org", "10.1.2.3", false},
	} {
		if got := hostMatches(c.pattern, netip.MustParseAddr(c.source)); got != c.want {
			t.Errorf("hostMatches(%q, %s) = %v", c.pattern, c.source, got)
		}
	}
	if hostMatches("10.1.2.3", netip.Addr{}) {
		t.Error("a client of unknown address matches a host")
	}
}
