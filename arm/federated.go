package arm

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

const federatedType = identityType + "/federatedIdentityCredentials"

// routeFederated adds the federated credentials of user-assigned identities.
func (a *API) routeFederated(t *routes) {
	const all = identity + "/{name}/federatedIdentityCredentials"
	t.add(http.MethodGet, all, federatedType+"/read", a.listFederated)
	t.add(http.MethodGet, all+"/{credential}", federatedType+"/read", a.getFederated)
	t.add(http.MethodPut, all+"/{credential}", federatedType+"/write", a.putFederated)
	t.add(http.MethodDelete, all+"/{credential}", federatedType+"/delete", a.deleteFederated)
}

// showFederated is one credential; base is the id of its identity.
func showFederated(base string) func(directory.FederatedCredential) any {
	return func(c directory.FederatedCredential) any {
		return object{
			"id": base + "/federatedIdentityCredentials/" + c.Name, "name": c.Name, "type": federatedType,
			"properties": object{"issuer": c.Issuer, "subject": c.Subject, "audiences": c.Audiences},
		}
	}
}

// federatedBase returns the id of the identity that a request names.
func (a *API) federatedBase(c *call) (string, error) {
	m, err := a.Directory.GetIdentity(c.Context(), c.vars["group"], c.vars["name"])
	return m.ID, err
}

func (a *API) listFederated(c *call) (answer, error) {
	base, err := a.federatedBase(c)
	if err != nil {
		return answer{}, err
	}
	all, err := a.Directory.IdentityFederation(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	return page(c, all, func(f directory.FederatedCredential) string { return f.Name }, showFederated(base))
}

func (a *API) getFederated(c *call) (answer, error) {
	base, err := a.federatedBase(c)
	if err != nil {
		return answer{}, err
	}
	all, err := a.Directory.IdentityFederation(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil {
		return answer{}, err
	}
	for _, one := range all {
		if strings.EqualFold(one.Name, c.vars["credential"]) {
			return answer{status: http.StatusOK, body: showFederated(base)(one)}, nil
		}
	}
	return answer{}, midas.Errorf(midas.NotFound, "The Resource '%s/%s/federatedIdentityCredentials/%s' under resource group '%s' was not found. "+
		"For more details please go to https://aka.ms/ARMResourceNotFoundFix", identityType, c.vars["name"], c.vars["credential"], c.vars["group"])
}

func (a *API) putFederated(c *call) (answer, error) {
	var body struct {
		Properties struct {
			Issuer    string   `json:"issuer"`
			Subject   string   `json:"subject"`
			Audiences []string `json:"audiences"`
		} `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	base, err := a.federatedBase(c)
	if err != nil {
		return answer{}, err
	}
	p := body.Properties
	kept, created, err := a.Directory.PutIdentityFederation(c.Context(), c.op, c.vars["group"], c.vars["name"], directory.FederatedCredential{
		FederatedCredential: midas.FederatedCredential{Name: c.vars["credential"], Issuer: p.Issuer, Subject: p.Subject, Audiences: p.Audiences},
	})
	switch midas.CodeOf(err) {
	case midas.Invalid:
		return answer{}, &armError{status: http.StatusBadRequest, code: "BadRequest", message: err.Error()}
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: made(created), body: showFederated(base)(kept)}, nil
}

func (a *API) deleteFederated(c *call) (answer, error) {
	return removed(a.Directory.DeleteIdentityFederation(c.Context(), c.op, c.vars["group"], c.vars["name"], c.vars["credential"]))
}
