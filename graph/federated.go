package graph

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// routeFederated adds the federated credentials of applications: tokens of outside issuers
// that stand for them.
func (a *API) routeFederated(t *routes) {
	const all = "/applications/{id}/federatedIdentityCredentials"
	t.add(http.MethodGet, all, reads, a.listFederated)
	t.add(http.MethodPost, all, writes, a.createFederated)
	t.add(http.MethodGet, all+"/{credential}", reads, a.getFederated)
	t.add(http.MethodPatch, all+"/{credential}", writes, a.updateFederated)
	t.add(http.MethodDelete, all+"/{credential}", writes, a.deleteFederated)
}

func showFederated(f directory.FederatedCredential) object {
	return object{
		"id": f.ID, "name": f.Name, "issuer": f.Issuer, "subject": f.Subject, "audiences": f.Audiences, "description": f.Description,
	}
}

// federatedOwner returns the object id of the application that a request names.
func (a *API) federatedOwner(c *call) (string, error) {
	if err := c.query.only(); err != nil {
		return "", err
	}
	return a.applicationID(c)
}

// federated returns the application and all its federated credentials.
func (a *API) federated(c *call) (id string, all []directory.FederatedCredential, err error) {
	if id, err = a.federatedOwner(c); err != nil {
		return "", nil, err
	}
	all, err = a.Directory.ApplicationFederation(c.Context(), id)
	return id, all, err
}

// oneFederated returns the credential that a request names, by id or name.
func (a *API) oneFederated(c *call) (id string, found directory.FederatedCredential, err error) {
	id, all, err := a.federated(c)
	if err != nil {
		return "", found, err
	}
	if at := directory.FindFederated(all, c.vars["credential"]); at >= 0 {
		return id, all[at], nil
	}
	_, err = removed(c.vars["credential"], false, nil)
	return "", found, err
}

func (a *API) listFederated(c *call) (answer, error) {
	id, all, err := a.federated(c)
	if err != nil {
		return answer{}, err
	}
	value := []object{}
	for _, f := range all {
		value = append(value, showFederated(f))
	}
	return answer{http.StatusOK, object{"@odata.context": c.root + "/$metadata#applications('" + id + "')/federatedIdentityCredentials", "value": value}}, nil
}

func (a *API) getFederated(c *call) (answer, error) {
	id, found, err := a.oneFederated(c)
	if err != nil {
		return answer{}, err
	}
	return c.federated(http.StatusOK, id, found), nil
}

func (c *call) federated(status int, id string, f directory.FederatedCredential) answer {
	shown := showFederated(f)
	shown["@odata.context"] = c.root + "/$metadata#applications('" + id + "')/federatedIdentityCredentials/$entity"
	return answer{status, shown}
}

// federatedBody is what a client sends; nil leaves alone.
type federatedBody struct {
	Name, Issuer, Subject, Description *string
	Audiences                          []string
}

func (b *federatedBody) over(f *directory.FederatedCredential) {
	for from, into := range map[*string]*string{b.Issuer: &f.Issuer, b.Subject: &f.Subject, b.Description: &f.Description} {
		if from != nil {
			*into = *from
		}
	}
	if b.Audiences != nil {
		f.Audiences = b.Audiences
	}
}

func (a *API) createFederated(c *call) (answer, error) {
	id, err := a.federatedOwner(c)
	if err != nil {
		return answer{}, err
	}
	var body federatedBody
	if err := c.decodeInto(&body); err != nil {
		return answer{}, err
	}
	if body.Name == nil {
		return answer{}, errBad("A value is required for property 'name' of resource 'FederatedIdentityCredential'.")
	}
	f := directory.FederatedCredential{FederatedCredential: midas.FederatedCredential{Name: *body.Name}}
	body.over(&f)
	kept, err := a.Directory.CreateApplicationFederation(c.Context(), c.op, id, f)
	return c.federated(http.StatusCreated, id, kept), err
}

func (a *API) updateFederated(c *call) (answer, error) {
	id, err := a.federatedOwner(c)
	if err != nil {
		return answer{}, err
	}
	var body federatedBody
	if err := c.decodeInto(&body); err != nil {
		return answer{}, err
	}
	_, err = a.Directory.UpdateApplicationFederation(c.Context(), c.op, id, c.vars["credential"], func(f *directory.FederatedCredential) error {
		if body.Name != nil && !strings.EqualFold(*body.Name, f.Name) {
			return midas.Errorf(midas.Invalid, "Property 'name' is read-only and cannot be changed.")
		}
		body.over(f)
		return nil
	})
	return done(err)
}

func (a *API) deleteFederated(c *call) (answer, error) {
	id, found, err := a.oneFederated(c)
	if err != nil {
		return answer{}, err
	}
	existed, err := a.Directory.DeleteApplicationFederation(c.Context(), c.op, id, found.ID)
	return removed(found.ID, existed, err)
}
