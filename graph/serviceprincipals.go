package graph

import (
	"encoding/json"
	"net/http"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/guid"
)

// Source: Microsoft Learn, Graph reference, resource type servicePrincipal.
var principalEntity = entity{
	name: "servicePrincipal", set: "servicePrincipals", label: "ServicePrincipal",
	shown: []string{
		"id", "deletedDateTime", "accountEnabled", "alternativeNames", "appDisplayName", "appDescription", "appId", "applicationTemplateId",
		"appOwnerOrganizationId", "appRoleAssignmentRequired", "createdDateTime", "description", "disabledByMicrosoftStatus", "displayName",
		"homepage", "loginUrl", "logoutUrl", "notes", "notificationEmailAddresses", "preferredSingleSignOnMode",
		"preferredTokenSigningKeyThumbprint", "replyUrls", "servicePrincipalNames", "servicePrincipalType", "signInAudience", "tags",
		"tokenEncryptionKeyId", "samlSingleSignOnSettings", "addIns", "appRoles", "info", "keyCredentials", "oauth2PermissionScopes",
		"passwordCredentials", "resourceSpecificApplicationPermissions", "verifiedPublisher",
	},
	kept: map[string]any{
		"appRoleAssignmentRequired": false, "description": nil, "loginUrl": nil, "notes": nil, "notificationEmailAddresses": []any{},
		"preferredSingleSignOnMode": nil, "tags": []any{},
	},
	computed: []string{"id", "appDisplayName", "displayName", "createdDateTime", "deletedDateTime", "appOwnerOrganizationId", "servicePrincipalType", "servicePrincipalNames", "alternativeNames", "signInAudience"},
}

func (a *API) principalObject(p directory.ServicePrincipal) object {
	tenant, _ := a.Directory.Tenant()
	out := object{
		"id": p.ObjectID, "appId": p.ClientID, "displayName": p.Name, "appDisplayName": p.Name, "accountEnabled": p.Enabled,
		"createdDateTime": instant(p.Created), "servicePrincipalNames": append([]string{p.ClientID}, p.IdentifierURIs...),
		"servicePrincipalType": "Application", "appOwnerOrganizationId": tenant, "signInAudience": "AzureADMyOrg", "alternativeNames": []string{},
		"deletedDateTime": nil, "appDescription": nil, "applicationTemplateId": nil, "disabledByMicrosoftStatus": nil, "homepage": nil, "logoutUrl": nil,
		"preferredTokenSigningKeyThumbprint": nil, "tokenEncryptionKeyId": nil, "samlSingleSignOnSettings": nil, "replyUrls": []any{},
		"addIns": []any{}, "appRoles": []any{}, "oauth2PermissionScopes": []any{}, "resourceSpecificApplicationPermissions": []any{},
		"info":              object{"termsOfServiceUrl": nil, "supportUrl": nil, "privacyStatementUrl": nil, "marketingUrl": nil, "logoUrl": nil},
		"verifiedPublisher": object{"displayName": nil, "verifiedPublisherId": nil, "addedDateTime": nil},
	}
	if p.ResourceID != "" {
		// So does Entra tell the two kinds of managed identity apart.
		explicit := "isExplicit=False"
		if p.UserAssigned {
			explicit = "isExplicit=True"
		}
		out["servicePrincipalType"], out["alternativeNames"] = "ManagedIdentity", []string{explicit, p.ResourceID}
		out["appDisplayName"], out["appOwnerOrganizationId"], out["signInAudience"] = nil, nil, nil
	}
	return out
}

func (a *API) showServicePrincipal(c *call, p directory.ServicePrincipal, mixed bool) (object, error) {
	known := a.principalObject(p)
	if err := a.addCredentials(c, known, p.ObjectID); err != nil {
		return nil, err
	}
	return principalEntity.render(p.Body, known, c.query.selected, mixed)
}

// servicePrincipal finds {id}, an object id or, as an alternate key, a client id.
func (a *API) servicePrincipal(c *call) (directory.ServicePrincipal, error) {
	if c.keyed == "appid" {
		return a.Directory.ServicePrincipalByClientID(c.Context(), c.vars["id"])
	}
	return a.Directory.GetServicePrincipal(c.Context(), c.vars["id"])
}

func (a *API) servicePrincipalID(c *call) (string, error) {
	p, err := a.servicePrincipal(c)
	return p.ObjectID, err
}

func (a *API) listServicePrincipals(c *call) (answer, error) {
	page, err := a.Directory.ServicePrincipals(c.Context(), c.query.page())
	if err != nil {
		return answer{}, err
	}
	return many(c, "servicePrincipals", page, func(p directory.ServicePrincipal) (object, error) { return a.showServicePrincipal(c, p, false) })
}

func (a *API) getServicePrincipal(c *call) (answer, error) {
	if err := c.query.only("$select"); err != nil {
		return answer{}, err
	}
	p, err := a.servicePrincipal(c)
	if err != nil {
		return answer{}, err
	}
	shown, err := a.showServicePrincipal(c, p, false)
	return c.one(principalEntity, http.StatusOK, shown, err)
}

func (a *API) createServicePrincipal(c *call) (answer, error) {
	change, sent, err := principalChange(c)
	if err != nil {
		return answer{}, err
	}
	appID, err := principalEntity.text(sent, "appId")
	if err != nil {
		return answer{}, err
	}
	if appID == nil || !guid.Valid(*appID) {
		return answer{}, errBad("A value is required for property 'appId' of resource 'ServicePrincipal'.")
	}
	p, err := a.Directory.CreateServicePrincipal(c.Context(), c.op, *appID, change)
	switch midas.CodeOf(err) {
	case midas.Conflict:
		return answer{}, &fault{status: http.StatusConflict, code: "Request_MultipleObjectsWithSameKeyValue", message: err.Error()}
	case midas.NotFound:
		return answer{}, errBad("%s", err)
	}
	if err != nil {
		return answer{}, err
	}
	shown, err := a.showServicePrincipal(c, p, false)
	return c.one(principalEntity, http.StatusCreated, shown, err)
}

func (a *API) updateServicePrincipal(c *call) (answer, error) {
	change, sent, err := principalChange(c)
	if err != nil {
		return answer{}, err
	}
	if _, given := sent["appId"]; given {
		return answer{}, errBad("Property 'appId' is read-only and cannot be set.")
	}
	id, err := a.servicePrincipalID(c)
	if err != nil {
		return answer{}, err
	}
	_, err = a.Directory.UpdateServicePrincipal(c.Context(), c.op, id, change)
	return done(err)
}

func (a *API) deleteServicePrincipal(c *call) (answer, error) {
	id, err := a.servicePrincipalID(c)
	if err != nil {
		return answer{}, err
	}
	existed, err := a.Directory.DeleteServicePrincipal(c.Context(), c.op, id)
	return removed(id, existed, err)
}

// principalChange reads the request's content as a change of a service principal.
func principalChange(c *call) (change directory.ServicePrincipalChange, sent map[string]json.RawMessage, err error) {
	sent, change.Body, err = principalEntity.parse(c, "appId", "accountEnabled", "keyCredentials", "passwordCredentials")
	if err != nil {
		return change, nil, err
	}
	if change.Enabled, err = principalEntity.truth(sent, "accountEnabled"); err != nil {
		return change, nil, err
	}
	if change.Certificates, err = certificates(principalEntity, sent); err != nil {
		return change, nil, err
	}
	return change, sent, noSecrets(principalEntity, sent)
}
