package metadata

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// fromBrowser refuses what a page in a browser can have sent. A machine that is known by
// where it asks from is known too when a page on it asks, and a page that has its own
// name lead to this address (DNS rebinding) may set every header of a dialect. No client
// library is a page: it calls the endpoint by its address or by a name that the operator
// gave it, and sends neither Origin nor fetch metadata.
// Source: WHATWG Fetch, "Origin header"; W3C, "Fetch Metadata Request Headers".
func (e *Endpoint) fromBrowser(r *http.Request, c caller) *failure {
	if _, there := r.Header["Origin"]; there {
		return badRequest("A request with the header Origin is refused: it came from a page in a browser.")
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "none" {
			return badRequest("A request with the header Sec-Fetch-Site is refused: it came from a page in a browser.")
		}
	}
	// A stranger's listener has a certificate, which no other name fits.
	if !c.stranger && !e.calledBy(r.Host) {
		return badRequest("The endpoint does not have the name '" + clip.Text(r.Host) + "' in the header Host. " +
			"Use its address, or give it the name: midas up --metadata-name NAME.")
	}
	return nil
}

// calledBy reports whether host, of the header of that name, is an address or a name of
// the endpoint.
func (e *Endpoint) calledBy(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(e.names, func(known string) bool { return strings.EqualFold(name, known) })
}
