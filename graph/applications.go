package graph

import (
	"encoding/json"
	"net/http"

	"github.com/midas-mysql/midas/directory"
)

// Source: Microsoft Learn, Graph reference, resource type application.
var applicationEntity = entity{
	name: "application", set: "applications", label: "Application",
	shown: []string{
		"id", "deletedDateTime", "appId", "applicationTemplateId", "disabledByMicrosoftStatus", "createdDateTime", "displayName", "description",
		"groupMembershipClaims", "identifierUris", "isDeviceOnlyAuthSupported", "isFallbackPublicClient", "notes", "publisherDomain",
		"serviceManagementReference", "signInAudience", "tags", "tokenEncryptionKeyId", "samlMetadataUrl", "defaultRedirectUri", "certification",
		"optionalClaims", "addIns", "api", "appRoles", "info", "keyCredentials", "parentalControlSettings", "passwordCredentials",
		"publicClient", "requiredResourceAccess", "verifiedPublisher", "web", "spa",
	},
	kept: map[string]any{
		"addIns": []any{}, "api": object{
			"acceptMappedClaims": nil, "knownClientApplications": []any{}, "requestedAccessTokenVersion": nil,
			"oauth2PermissionScopes": []any{}, "preAuthorizedApplications": []any{},
		},
		"appRoles": []any{}, "defaultRedirectUri": nil, "description": nil, "groupMembershipClaims": nil,
		"info":                   object{"termsOfServiceUrl": nil, "supportUrl": nil, "privacyStatementUrl": nil, "marketingUrl": nil, "logoUrl": nil},
		"isFallbackPublicClient": false, "notes": nil, "optionalClaims": object(nil),
		"parentalControlSettings": object{"countriesBlockedForMinors": []any{}, "legalAgeGroupRule": "Allow"},
		"publicClient":            object{"redirectUris": []any{}}, "requiredResourceAccess": []any{}, "samlMetadataUrl": nil,
		"serviceManagementReference": nil, "signInAudience": "AzureADMyOrg", "spa": object{"redirectUris": []any{}}, "tags": []any{},
		"tokenEncryptionKeyId": nil, "web": object{
			"homePageUrl": nil, "logoutUrl": nil, "redirectUris": []any{},
			"implicitGrantSettings": object{"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false},
		},
	},
	computed: []string{"id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain", "disabledByMicrosoftStatus", "applicationTemplateId", "verifiedPublisher", "certification"},
}

func applicationObject(app directory.Application) object {
	return object{
		"id": app.ObjectID, "appId": app.ClientID, "displayName": app.Name, "identifierUris": app.IdentifierURIs, "createdDateTime": instant(app.Created),
		"deletedDateTime": nil, "applicationTemplateId": nil, "disabledByMicrosoftStatus": nil, "isDeviceOnlyAuthSupported": nil,
		"publisherDomain": nil, "certification": nil,
		"verifiedPublisher": object{"displayName": nil, "verifiedPublisherId": nil, "addedDateTime": nil},
	}
}

func (a *API) showApplication(c *call, app directory.Application, mixed bool) (object, error) {
	known := applicationObject(app)
	if err := a.addCredentials(c, known, app.ObjectID); err != nil {
		return nil, err
	}
	return applicationEntity.render(app.Body, known, c.query.selected, mixed)
}

// application finds {id}, an object id or, as an alternate key, a client id.
func (a *API) application(c *call) (directory.Application, error) {
	if c.keyed == "appid" {
		return a.Directory.ApplicationByClientID(c.Context(), c.vars["id"])
	}
	return a.Directory.GetApplication(c.Context(), c.vars["id"])
}

func (a *API) applicationID(c *call) (string, error) {
	app, err := a.application(c)
	return app.ObjectID, err
}

func (a *API) listApplications(c *call) (answer, error) {
	page, err := a.Directory.Applications(c.Context(), c.query.page())
	if err != nil {
		return answer{}, err
	}
	return many(c, "applications", page, func(app directory.Application) (object, error) { return a.showApplication(c, app, false) })
}

func (a *API) getApplication(c *call) (answer, error) {
	if err := c.query.only("$select"); err != nil {
		return answer{}, err
	}
	app, err := a.application(c)
	if err != nil {
		return answer{}, err
	}
	shown, err := a.showApplication(c, app, false)
	return c.one(applicationEntity, http.StatusOK, shown, err)
}

func (a *API) createApplication(c *call) (answer, error) {
	change, err := applicationChange(c)
	if err != nil {
		return answer{}, err
	}
	app, err := a.Directory.RegisterApplication(c.Context(), c.op, change)
	if err != nil {
		return answer{}, err
	}
	shown, err := a.showApplication(c, app, false)
	return c.one(applicationEntity, http.StatusCreated, shown, err)
}

func (a *API) updateApplication(c *call) (answer, error) {
	change, err := applicationChange(c)
	if err != nil {
		return answer{}, err
	}
	id, err := a.applicationID(c)
	if err != nil {
		return answer{}, err
	}
	_, err = a.Directory.UpdateApplication(c.Context(), c.op, id, change)
	return done(err)
}

func (a *API) deleteApplication(c *call) (answer, error) {
	id, err := a.applicationID(c)
	if err != nil {
		return answer{}, err
	}
	existed, err := a.Directory.DeleteApplication(c.Context(), c.op, id)
	return removed(id, existed, err)
}

// applicationChange reads the request's content as a change of an application.
func applicationChange(c *call) (change directory.ApplicationChange, err error) {
	var sent map[string]json.RawMessage
	sent, change.Body, err = applicationEntity.parse(c, "displayName", "identifierUris", "keyCredentials", "passwordCredentials")
	if err != nil {
		return change, err
	}
	if change.Name, err = applicationEntity.text(sent, "displayName"); err != nil {
		return change, err
	}
	var uris []string
	if given, err := applicationEntity.into(sent, "identifierUris", &uris); err != nil {
		return change, err
	} else if given {
		change.IdentifierURIs = &uris
	}
	if change.Certificates, err = certificates(applicationEntity, sent); err != nil {
		return change, err
	}
	return change, noSecrets(applicationEntity, sent)
}
