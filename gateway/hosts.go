package gateway

import (
	"net/netip"
	"strings"
)

// hostMatches compares an account's host pattern with where the client is, as a
// server would: % and _ are wildcards, and localhost is this machine. The backend
// matches it once more against the gateway's own address.
//
// https://dev.mysql.com/doc/refman/9.7/en/account-names.html
func hostMatches(pattern string, source netip.Addr) bool {
	if pattern == "localhost" {
		return source.IsLoopback()
	}
	if network, mask, ok := strings.Cut(pattern, "/"); ok {
		if prefix, err := netip.ParsePrefix(pattern); err == nil { // MySQL since 8.0.23
			return prefix.Contains(source)
		}
		base, err1 := netip.ParseAddr(network)
		bits, err2 := netip.ParseAddr(mask)
		return err1 == nil && err2 == nil && base.Is4() && bits.Is4() && source.Is4() && masked(source, bits) == masked(base, bits)
	}
	return like(pattern, source.String())
}

func masked(a, mask netip.Addr) [4]byte {
	x, m := a.As4(), mask.As4()
	for i := range x {
		x[i] &= m[i]
	}
	return x
}

// like is SQL's LIKE without escapes, in time proportional to both lengths.
func like(pattern, text string) bool {
	p, t, star, retry := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == '_' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "%") == ""
}
