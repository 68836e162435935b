package arm

import (
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

const forMySQL = "Microsoft.DBforMySQL"

func (a *API) showServer(s directory.Server) any {
	out := show(s.Resource, serverType, object{
		"version": s.Version, "fullyQualifiedDomainName": s.FQDN,
		"state": a.state(s), "replicationRole": "None", "provisioningState": "Succeeded",
	})
	if assigned := showAssigned(nil, s.UserAssigned); assigned != nil {
		out["identity"] = assigned
	}
	complete(out, serverDefaults())
	return out
}

func (a *API) listServers(c *call) (answer, error) {
	return listed(c, a.Directory.PageServers, func(r directory.Server) directory.Resource { return r.Resource }, a.showServer)
}

func (a *API) loadServer(c *call) (directory.Server, error) {
	return a.Directory.GetServer(c.Context(), c.vars["group"], c.vars["name"])
}

func (a *API) getServer(c *call) (answer, error) {
	s, err := a.loadServer(c)
	return answer{status: http.StatusOK, body: a.showServer(s), etag: s.ETag}, err
}

// serverChange reads the request's content as a change of a server.
func (a *API) serverChange(c *call) (directory.ServerChange, error) {
	var body struct {
		resourceBody
		Properties struct {
			Version string `json:"version"`
		} `json:"properties"`
	}
	all, err := c.resource(&body)
	if err != nil {
		return directory.ServerChange{}, err
	}
	change, err := a.changeTo(c, body.resourceBody, all)
	return directory.ServerChange{Change: change, Version: body.Properties.Version}, err
}

func (a *API) putServer(c *call) (answer, error) {
	change, err := a.serverChange(c)
	if err != nil {
		return answer{}, err
	}
	if err := a.admitServer(c); err != nil {
		return answer{}, err
	}
	before, _ := a.loadServer(c)
	if a.DefaultAdmin != nil {
		change.Admin = &directory.Administrator{Administrator: *a.DefaultAdmin}
	}
	s, created, err := a.Directory.PutServer(c.Context(), c.op, c.vars["group"], c.vars["name"], change)
	switch {
	case err != nil:
	case created:
		err = a.bindServer(c, s)
	default:
		err = a.upgradeServer(c, before, s)
	}
	return a.goesOn(c, forMySQL, s.Location, answer{status: made(created), body: a.showServer(s), etag: s.ETag}, err)
}

func (a *API) patchServer(c *call) (answer, error) {
	change, err := a.serverChange(c)
	if err != nil {
		return answer{}, err
	}
	before, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	s, err := a.Directory.PatchServer(c.Context(), c.op, c.vars["group"], c.vars["name"], change)
	if err == nil {
		err = a.upgradeServer(c, before, s)
	}
	return a.goesOn(c, forMySQL, s.Location, answer{status: http.StatusOK, body: a.showServer(s), etag: s.ETag}, err)
}

func (a *API) deleteServer(c *call) (answer, error) {
	where := a.serverLocation(c)
	existed, err := a.Directory.DeleteServer(c.Context(), c.op, c.vars["group"], c.vars["name"])
	if existed && err == nil {
		a.ServersDeleted(c.Context())
	}
	ans, err := removed(existed, err)
	return a.goesOn(c, forMySQL, where, ans, err)
}

// serverLocation is the location in the path of an operation on the call's server.
func (a *API) serverLocation(c *call) string {
	if s, err := a.loadServer(c); err == nil {
		return s.Location
	}
	return anywhere
}

// listReplicas is asked by az before it sets an administrator: a server here has none.
func (a *API) listReplicas(c *call) (answer, error) {
	_, err := a.loadServer(c)
	return answer{status: http.StatusOK, body: object{"value": []object{}}}, err
}

// administratorName is the only name an administrator can have.
const administratorName = "ActiveDirectory"

// showAdministrator has an identityResourceId also where there is none: az mysql
// flexible-server identity remove compares it with what it is to take away.
func showAdministrator(s directory.Server, admin directory.Administrator) any {
	properties := object{
		"administratorType": administratorName, "login": admin.Login, "sid": admin.ObjectID, "tenantId": admin.TenantID,
		"identityResourceId": admin.IdentityID,
	}
	return object{
		"id": s.ID + "/administrators/" + administratorName, "name": administratorName,
		"type": serverType + "/administrators", "properties": properties,
	}
}

func (a *API) listAdministrators(c *call) (answer, error) {
	s, err := a.loadServer(c)
	var all []directory.Administrator
	if s.Admin != nil {
		all = append(all, *s.Admin)
	}
	return list(all, func(admin directory.Administrator) any { return showAdministrator(s, admin) }), err
}

func (a *API) getAdministrator(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	if s.Admin == nil {
		return answer{}, midas.Errorf(midas.NotFound, "The server '%s' has no Microsoft Entra administrator.", s.Name)
	}
	return answer{status: http.StatusOK, body: showAdministrator(s, *s.Admin)}, nil
}

func (a *API) putAdministrator(c *call) (answer, error) {
	var body struct {
		Properties struct {
			AdministratorType  string `json:"administratorType"`
			Login              string `json:"login"`
			SID                string `json:"sid"`
			TenantID           string `json:"tenantId"`
			IdentityResourceID string `json:"identityResourceId"`
		} `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	p := body.Properties
	if p.AdministratorType != "" && !strings.EqualFold(p.AdministratorType, administratorName) {
		return answer{}, midas.Errorf(midas.Invalid, "The value '%s' of the property 'administratorType' is invalid. It must be '%s'.", p.AdministratorType, administratorName)
	}
	if p.IdentityResourceID != "" {
		// Else the answer would tell a caller that may not see the identity whether it exists.
		a.mayAssign(c, map[string]bool{p.IdentityResourceID: true})
	}
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	admin, created, err := a.Directory.SetAdministrator(c.Context(), c.op, c.vars["group"], c.vars["name"], directory.Administrator{
		Administrator: midas.Administrator{Login: p.Login, ObjectID: p.SID, TenantID: p.TenantID}, IdentityID: p.IdentityResourceID,
	})
	// What this request has set, which another may have replaced since.
	return a.goesOn(c, forMySQL, s.Location, answer{status: made(created), body: showAdministrator(s, admin)}, err)
}

func (a *API) deleteAdministrator(c *call) (answer, error) {
	ans, err := removed(a.Directory.DeleteAdministrator(c.Context(), c.op, c.vars["group"], c.vars["name"]))
	return a.goesOn(c, forMySQL, a.serverLocation(c), ans, err)
}

const systemDefault = "system-default"

// dataType is that of a parameter: those of a database are shown as text, whatever they are there.
func dataType(p directory.Parameter) string {
	if p.Allowed == nil {
		return "String"
	}
	return "Enumeration"
}

func showConfiguration(s directory.Server, p directory.Parameter) any {
	source := systemDefault
	if p.Set {
		source = "user-override"
	}
	return object{
		"id": s.ID + "/configurations/" + p.Name, "name": p.Name, "type": serverType + "/configurations",
		"properties": object{
			"value": p.Value, "currentValue": p.Value, "defaultValue": p.Default, "source": source,
			"dataType": dataType(p), "allowedValues": strings.Join(p.Allowed, ","), "description": p.Description,
			"isReadOnly": "False", "isDynamicConfig": "True", "isConfigPendingRestart": "False",
		},
	}
}

func (a *API) listConfigurations(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	all, err := a.configurations(c, s)
	return list(all, func(p directory.Parameter) any { return showConfiguration(s, p) }), err
}

func (a *API) getConfiguration(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	p, err := a.configuration(c, s)
	return answer{status: http.StatusOK, body: showConfiguration(s, p)}, err
}

func (a *API) putConfiguration(c *call) (answer, error) {
	var body struct {
		Properties struct {
			Value  string `json:"value"`
			Source string `json:"source"`
		} `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	value := body.Properties.Value
	switch {
	case strings.EqualFold(body.Properties.Source, systemDefault):
		value = "" // back to the default, whatever it is
	case value == "":
		return answer{}, midas.Errorf(midas.Invalid, "The property 'value' is required.")
	}
	return a.setConfiguration(c, s, value)
}
