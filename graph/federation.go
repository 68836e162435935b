package graph

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas/directory"
)

// Source: Microsoft Learn, Graph reference, resource type federatedIdentityCredential.
var federationEntity = entity{name: "federatedIdentityCredential", label: "FederatedIdentityCredential", computed: []string{"id"}}

func (a *API) routeFederation(t *routes, set string) {
	all := set + "/{id}/federatedIdentityCredentials"
	t.add(http.MethodGet, all, reads, a.listFederation)
	t.add(http.MethodPost, all, writes, a.createFederation)
	t.add(http.MethodGet, all+"/{credential}", reads, a.getFederation)
	t.add(http.MethodPatch, all+"/{credential}", writes, a.updateFederation)
	t.add(http.MethodDelete, all+"/{credential}", writes, a.deleteFederation)
}

func showFederation(f directory.FederatedCredential) (object, error) {
	return object{
		"id": f.ID, "name": f.Name, "issuer": f.Issuer, "subject": f.Subject, "audiences": f.Audiences, "description": orNull(f.Description),
	}, nil
}

// federationOf is the type for @odata.context, which names the application.
func federationOf(application string) entity {
	return entity{set: "applications('" + application + "')/federatedIdentityCredentials"}
}

func (a *API) listFederation(c *call) (answer, error) {
	if err := c.query.only(); err != nil {
		return answer{}, err
	}
	id, err := a.applicationID(c)
	if err != nil {
		return answer{}, err
	}
	all, err := a.Directory.ApplicationFederation(c.Context(), id)
	if err != nil {
		return answer{}, err
	}
	return many(c, federationOf(id).set, directory.Page[directory.FederatedCredential]{Items: all}, showFederation)
}

// federation finds {credential}, an id or a name, below {id}.
func (a *API) federation(c *call) (application string, f directory.FederatedCredential, err error) {
	application, err = a.applicationID(c)
	if err != nil {
		return "", f, err
	}
	all, err := a.Directory.ApplicationFederation(c.Context(), application)
	if err != nil {
		return "", f, err
	}
	which := c.vars["credential"]
	for _, f := range all {
		if strings.EqualFold(f.ID, which) || f.Name == which {
			return application, f, nil
		}
	}
	_, err = removed(which, false, nil)
	return "", f, err
}

func (a *API) getFederation(c *call) (answer, error) {
	if err := c.query.only(); err != nil {
		return answer{}, err
	}
	id, f, err := a.federation(c)
	if err != nil {
		return answer{}, err
	}
	shown, err := showFederation(f)
	return c.one(federationOf(id), http.StatusOK, shown, err)
}

func (a *API) createFederation(c *call) (answer, error) {
	id, err := a.applicationID(c)
	if err != nil {
		return answer{}, err
	}
	var f directory.FederatedCredential
	if err := c.changeFederation(&f, true); err != nil {
		return answer{}, err
	}
	there, err := a.Directory.ApplicationFederation(c.Context(), id)
	if err != nil {
		return answer{}, err
	}
	for _, other := range there {
		if strings.EqualFold(other.Name, f.Name) {
			return answer{}, &fault{
				status: http.StatusConflict, code: "Request_MultipleObjectsWithSameKeyValue",
				message: "FederatedIdentityCredential with name " + clip(f.Name) + " already exists.",
			}
		}
	}
	kept, _, err := a.Directory.PutApplicationFederation(c.Context(), id, f)
	if err != nil {
		return answer{}, err
	}
	shown, err := showFederation(kept)
	return c.one(federationOf(id), http.StatusCreated, shown, err)
}

func (a *API) updateFederation(c *call) (answer, error) {
	id, f, err := a.federation(c)
	if err != nil {
		return answer{}, err
	}
	if err := c.changeFederation(&f, false); err != nil {
		return answer{}, err
	}
	_, _, err = a.Directory.PutApplicationFederation(c.Context(), id, f)
	return done(err)
}

func (a *API) deleteFederation(c *call) (answer, error) {
	id, f, err := a.federation(c)
	if err != nil {
		return answer{}, err
	}
	existed, err := a.Directory.DeleteApplicationFederation(c.Context(), id, f.Name)
	return removed(f.Name, existed, err)
}

// changeFederation reads the request's content over f. The name is that of a new one
// alone; az sends it with a change as well.
func (c *call) changeFederation(f *directory.FederatedCredential, isNew bool) error {
	sent, _, err := federationEntity.parse(c, "name", "issuer", "subject", "description", "audiences")
	if err != nil {
		return err
	}
	name, err := federationEntity.text(sent, "name")
	switch {
	case err != nil:
		return err
	case isNew && name == nil:
		return errBad("A value is required for property 'name' of resource 'FederatedIdentityCredential'.")
	case isNew:
		f.Name = *name
	case name != nil && *name != f.Name:
		return errBad("Property 'name' is read-only and cannot be set.")
	}
	for property, into := range map[string]*string{"issuer": &f.Issuer, "subject": &f.Subject, "description": &f.Description} {
		value, err := federationEntity.text(sent, property)
		if err != nil {
			return err
		}
		if value != nil {
			*into = *value
		}
	}
	_, err = federationEntity.into(sent, "audiences", &f.Audiences)
	return err
}
