package issuer

import (
	"net"
	"net/http"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// senderOf reads the address of a request's other end. What proxies say of whom they
// speak for is not asked: anybody can say it.
func senderOf(r *http.Request) clientkey.Key { return clientkey.Parse(r.RemoteAddr) }

func source(r *http.Request) string { return senderOf(r).String() }

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
