package arm

import (
	"net/http"

	"github.com/midas-mysql/midas/directory"
)

const (
	networkNamespace = "Microsoft.Network"
	deploymentType   = "Microsoft.Resources/deployments"
)

// networkTypes are what az makes before a virtual machine. midas keeps and shows them; no
// packet goes through them, so no address is given out and no rule is enforced.
var networkTypes = []string{
	networkNamespace + "/virtualNetworks", networkNamespace + "/networkSecurityGroups",
	networkNamespace + "/publicIPAddresses", networkNamespace + "/networkInterfaces",
}

func (a *API) routeNetworks(t *routes) {
	for _, kind := range networkTypes {
		p := opaque{a, kind}
		path := group + "/providers/" + kind
		t.list(subscription+"/providers/"+kind, kind+"/read", p.list)
		t.list(path, kind+"/read", p.list)
		t.add(http.MethodGet, path+"/{name}", kind+"/read", p.get)
		t.add(http.MethodHead, path+"/{name}", kind+"/read", exists(p.get))
		t.add(http.MethodPut, path+"/{name}", kind+"/write", p.put)
		t.add(http.MethodDelete, path+"/{name}", kind+"/delete", p.del)
	}
}

// opaque has the operations on the resources of one type that are kept as they come.
type opaque struct {
	*API
	kind string
}

func (p opaque) show(r directory.Resource) any {
	return show(r, p.kind, object{"provisioningState": "Succeeded"})
}

func (p opaque) list(c *call) (answer, error) {
	all, err := p.Directory.ListOpaque(c.Context(), p.kind, c.vars["group"])
	return list(visible(c, all, func(r directory.Resource) string { return r.ID }), p.show), err
}

func (p opaque) get(c *call) (answer, error) {
	r, err := p.Directory.GetOpaque(c.Context(), p.kind, c.vars["group"], c.vars["name"])
	return answer{status: http.StatusOK, body: p.show(r)}, err
}

func (p opaque) put(c *call) (answer, error) {
	change, err := p.change(c)
	if err != nil {
		return answer{}, err
	}
	r, created, err := p.Directory.PutOpaque(c.Context(), c.op, p.kind, c.vars["group"], c.vars["name"], change)
	return answer{status: made(created), body: p.show(r)}, err
}

func (p opaque) del(c *call) (answer, error) {
	return removed(p.Directory.DeleteOpaque(c.Context(), c.op, p.kind, c.vars["group"], c.vars["name"]))
}
