package issuer

import (
	"net"
	"net/http"
	"net/netip"
)

// loopback is the one source of all requests from this machine to itself: each of its
// programs may choose any address of 127.0.0.0/8 for each request.
const loopback = "loopback"

// sender is where a request came from, as attempts are counted.
type sender struct {
	source string // an address; of an IPv6 network the part that one subscriber has
	// network is what one customer of a provider may have at most: "" for IPv4, where
	// addresses are dear.
	network string
}

// senderOf reads the address of a request's other end. What proxies say of whom they
// speak for is not asked: anybody can say it.
func senderOf(r *http.Request) sender {
	host := addressOf(r)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return sender{source: r.RemoteAddr}
	}
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLoopback():
		return sender{source: loopback}
	case ip.Is6():
		return sender{netip.PrefixFrom(ip, 64).Masked().String(), netip.PrefixFrom(ip, 48).Masked().String()}
	}
	return sender{source: ip.String()}
}

func source(r *http.Request) string { return senderOf(r).source }

// addressOf is the address that a request came from, as tokens name it.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// fromNoPage refuses what a browser sends for a page of another site: such a page is
// anybody's, and would guess from its reader's address. Clients that are no browsers say
// nothing of where they come from, and pass.
// Source: Microsoft Entra, error AADSTS9002326.
func (i *Issuer) fromNoPage(next http.HandlerFunc) http.HandlerFunc {
	origins := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) {
		if origins.Check(r) != nil {
			i.refuse(w, r, *badRequest(9002326, "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. There is none here."))
			return
		}
		next(w, r)
	}
}
