package publicnames

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/ca"
)

// Host names of Azure's public cloud, by what answers them.
// Source: Microsoft, "Azure CLI endpoints for proxy bypass"; the authority's other names
// are its aliases in instance discovery.
var (
	login   = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}
	manager = []string{"management.azure.com", "management.core.windows.net"}
	graph   = []string{"graph.microsoft.com"}
)

// Metadata is the address of a virtual machine's metadata endpoint.
const Metadata = "169.254.169.254"

// All are the names, in an order that stays.
func All() []string { return slices.Concat(login, manager, graph) }

// Login are the names of the token issuer.
func Login() []string { return slices.Clone(login) }

// Handlers answer for the names. Default takes requests that came by any other name.
type Handlers struct{ Login, Manager, Graph, Default http.Handler }

// ServeHTTP passes a request on by the name in its Host.
func (h Handlers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch name := hostName(r.Host); {
	case slices.Contains(login, name):
		h.Login.ServeHTTP(w, r)
	case slices.Contains(manager, name):
		h.Manager.ServeHTTP(w, r)
	case slices.Contains(graph, name):
		h.Graph.ServeHTTP(w, r)
	default:
		h.Default.ServeHTTP(w, r)
	}
}

// hostName is the name in a Host header, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}

// OpenAuthority opens the authority that vouches for the names, kept in dir. Only the proxy
// and vm run use it, and only their clients are told to trust it: it is not the authority of
// the gateway and the control address, which people may have made their machine trust.
func OpenAuthority(dir string) (*ca.CA, error) {
	return ca.Open(ca.Config{Dir: dir, Only: All()})
}
