package graph

import (
	"encoding/json"
	"net/http"

	"github.com/midas-mysql/midas/directory"
)

// Source: Microsoft Learn, Graph reference, resource type user.
var userEntity = entity{
	name: "user", set: "users", label: "User",
	shown: []string{
		"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation",
		"preferredLanguage", "surname", "userPrincipalName",
	},
	kept: map[string]any{
		"businessPhones": []any{}, "jobTitle": nil, "mobilePhone": nil, "officeLocation": nil, "preferredLanguage": nil,
		"ageGroup": nil, "city": nil, "companyName": nil, "country": nil, "department": nil, "employeeId": nil, "employeeType": nil,
		"faxNumber": nil, "onPremisesImmutableId": nil, "otherMails": []any{}, "passwordPolicies": nil, "postalCode": nil,
		"state": nil, "streetAddress": nil, "usageLocation": nil,
	},
	computed: []string{"id", "createdDateTime", "deletedDateTime", "creationType", "externalUserState", "identities", "proxyAddresses", "imAddresses", "securityIdentifier", "signInSessionsValidFromDateTime", "lastPasswordChangeDateTime"},
}

func userObject(u directory.User) object {
	kind := "Member"
	if u.Guest {
		kind = "Guest"
	}
	return object{
		"id": u.ObjectID, "userPrincipalName": u.UPN, "displayName": u.DisplayName, "givenName": orNull(u.GivenName), "surname": orNull(u.Surname),
		"mail": orNull(u.Mail), "mailNickname": u.MailNickname, "accountEnabled": u.Enabled, "userType": kind,
		"createdDateTime": instant(u.Created), "deletedDateTime": nil, "securityIdentifier": sid(u.ObjectID),
		// The password itself is never shown, as nobody knows it.
		"passwordProfile": object{"password": nil, "forceChangePasswordNextSignIn": u.MustChange, "forceChangePasswordNextSignInWithMfa": false},
	}
}

func (c *call) showUser(u directory.User, mixed bool) (object, error) {
	return userEntity.render(u.Body, userObject(u), c.query.selected, mixed)
}

// userID resolves {id}, an object id or user principal name.
func (a *API) userID(c *call) (string, error) {
	u, err := a.Directory.GetUser(c.Context(), c.vars["id"])
	return u.ObjectID, err
}

func (a *API) listUsers(c *call) (answer, error) {
	page, err := a.Directory.Users(c.Context(), c.query.page())
	if err != nil {
		return answer{}, err
	}
	return many(c, "users", page, func(u directory.User) (object, error) { return c.showUser(u, false) })
}

func (a *API) getUser(c *call) (answer, error) {
	if err := c.query.only("$select"); err != nil {
		return answer{}, err
	}
	u, err := a.Directory.GetUser(c.Context(), c.vars["id"])
	if err != nil {
		return answer{}, err
	}
	shown, err := c.showUser(u, false)
	return c.one(userEntity, http.StatusOK, shown, err)
}

func (a *API) createUser(c *call) (answer, error) {
	change, sent, err := userChange(c)
	if err != nil {
		return answer{}, err
	}
	for _, name := range []string{"accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"} {
		if _, ok := sent[name]; !ok {
			return answer{}, errBad("A value is required for property '%s' of resource 'User'.", name)
		}
	}
	u, err := a.Directory.CreateUser(c.Context(), c.op, change)
	if err != nil {
		return answer{}, err
	}
	shown, err := c.showUser(u, false)
	return c.one(userEntity, http.StatusCreated, shown, err)
}

func (a *API) updateUser(c *call) (answer, error) {
	change, _, err := userChange(c)
	if err != nil {
		return answer{}, err
	}
	_, err = a.Directory.UpdateUser(c.Context(), c.op, c.vars["id"], change)
	return done(err)
}

func (a *API) deleteUser(c *call) (answer, error) {
	existed, err := a.Directory.DeleteUser(c.Context(), c.op, c.vars["id"])
	return removed(c.vars["id"], existed, err)
}

// userChange reads the request's content as a change of a user.
func userChange(c *call) (change directory.UserChange, sent map[string]json.RawMessage, err error) {
	sent, change.Body, err = userEntity.parse(c, "userPrincipalName", "displayName", "givenName", "surname", "mail", "mailNickname",
		"accountEnabled", "userType", "passwordProfile")
	if err != nil {
		return change, nil, err
	}
	for name, into := range map[string]**string{
		"userPrincipalName": &change.UPN, "displayName": &change.DisplayName, "givenName": &change.GivenName,
		"surname": &change.Surname, "mail": &change.Mail, "mailNickname": &change.MailNickname,
	} {
		if *into, err = userEntity.text(sent, name); err != nil {
			return change, nil, err
		}
	}
	if change.Enabled, err = userEntity.truth(sent, "accountEnabled"); err != nil {
		return change, nil, err
	}
	kind, err := userEntity.text(sent, "userType")
	if err != nil {
		return change, nil, err
	}
	if kind != nil {
		if *kind != "Member" && *kind != "Guest" {
			return change, nil, userEntity.invalid("userType")
		}
		change.Guest = new(*kind == "Guest")
	}
	var profile struct {
		Password *string `json:"password"`
		Force    *bool   `json:"forceChangePasswordNextSignIn"`
	}
	if _, err := userEntity.into(sent, "passwordProfile", &profile); err != nil {
		return change, nil, err
	}
	change.Password, change.MustChange = profile.Password, profile.Force
	return change, sent, nil
}
