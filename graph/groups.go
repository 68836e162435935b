package graph

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas/directory"
)

// maxBind is how many members one request may add.
// Source: Graph reference, "Add members".
const maxBind = 20

// Source: Microsoft Learn, Graph reference, resource type group.
var groupEntity = entity{
	name: "group", set: "groups", label: "Group",
	shown: []string{
		"id", "deletedDateTime", "classification", "createdDateTime", "creationOptions", "description", "displayName", "expirationDateTime",
		"groupTypes", "isAssignableToRole", "mail", "mailEnabled", "mailNickname", "membershipRule", "membershipRuleProcessingState",
		"onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesProvisioningErrors",
		"onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "preferredDataLocation", "preferredLanguage",
		"proxyAddresses", "renewedDateTime", "resourceBehaviorOptions", "resourceProvisioningOptions", "securityEnabled",
		"securityIdentifier", "theme", "visibility",
	},
	kept:     map[string]any{"classification": nil, "preferredDataLocation": nil, "preferredLanguage": nil, "theme": nil, "visibility": nil},
	computed: []string{"id", "createdDateTime", "deletedDateTime", "renewedDateTime", "expirationDateTime", "mail", "proxyAddresses", "securityIdentifier"},
}

func groupObject(g directory.SecurityGroup) object {
	return object{
		"id": g.ObjectID, "displayName": g.Name, "mailNickname": g.MailNickname, "description": orNull(g.Description),
		"createdDateTime": instant(g.Created), "renewedDateTime": instant(g.Created), "securityIdentifier": sid(g.ObjectID),
		"mailEnabled": false, "securityEnabled": true, "mail": nil, "isAssignableToRole": nil,
		"creationOptions": []any{}, "groupTypes": []any{}, "proxyAddresses": []any{}, "onPremisesProvisioningErrors": []any{},
		"resourceBehaviorOptions": []any{}, "resourceProvisioningOptions": []any{},
		"deletedDateTime": nil, "expirationDateTime": nil, "membershipRule": nil, "membershipRuleProcessingState": nil,
		"onPremisesDomainName": nil, "onPremisesLastSyncDateTime": nil, "onPremisesNetBiosName": nil, "onPremisesSamAccountName": nil,
		"onPremisesSecurityIdentifier": nil, "onPremisesSyncEnabled": nil,
	}
}

// sid writes an object id as Entra makes a Windows security identifier of it: the
// GUID's four little-endian words below S-1-12-1.
func sid(objectID string) any {
	id, err := uuid.Parse(objectID)
	if err != nil {
		return nil
	}
	// The first three fields of a GUID are little-endian in memory and big-endian in text.
	b := slices.Clone(id[:])
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
	return fmt.Sprintf("S-1-12-1-%d-%d-%d-%d", word(0), word(4), word(8), word(12))
}

func (c *call) showGroup(g directory.SecurityGroup, mixed bool) (object, error) {
	return groupEntity.render(g.Body, groupObject(g), c.query.selected, mixed)
}

func (a *API) groupID(c *call) (string, error) {
	g, err := a.Directory.GetSecurityGroup(c.Context(), c.vars["id"])
	return g.ObjectID, err
}

func (a *API) listGroups(c *call) (answer, error) {
	page, err := a.Directory.SecurityGroups(c.Context(), c.query.page())
	if err != nil {
		return answer{}, err
	}
	return many(c, "groups", page, func(g directory.SecurityGroup) (object, error) { return c.showGroup(g, false) })
}

func (a *API) getGroup(c *call) (answer, error) {
	if err := c.query.only("$select"); err != nil {
		return answer{}, err
	}
	g, err := a.Directory.GetSecurityGroup(c.Context(), c.vars["id"])
	if err != nil {
		return answer{}, err
	}
	shown, err := c.showGroup(g, false)
	return c.one(groupEntity, http.StatusOK, shown, err)
}

func (a *API) createGroup(c *call) (answer, error) {
	change, sent, err := groupChange(c)
	if err != nil {
		return answer{}, err
	}
	for _, name := range []string{"displayName", "mailEnabled", "mailNickname", "securityEnabled"} {
		if _, ok := sent[name]; !ok {
			return answer{}, errBad("A value is required for property '%s' of resource 'Group'.", name)
		}
	}
	g, err := a.Directory.CreateSecurityGroup(c.Context(), c.op, change)
	if err != nil {
		return answer{}, err
	}
	shown, err := c.showGroup(g, false)
	return c.one(groupEntity, http.StatusCreated, shown, err)
}

func (a *API) updateGroup(c *call) (answer, error) {
	change, _, err := groupChange(c)
	if err != nil {
		return answer{}, err
	}
	_, err = a.Directory.UpdateSecurityGroup(c.Context(), c.op, c.vars["id"], change)
	return done(err)
}

func (a *API) deleteGroup(c *call) (answer, error) {
	existed, err := a.Directory.DeleteSecurityGroup(c.Context(), c.op, c.vars["id"])
	return removed(c.vars["id"], existed, err)
}

// groupChange reads the request's content as a change of a group. Only security groups
// exist: what would make it another kind is refused.
func groupChange(c *call) (change directory.SecurityGroupChange, sent map[string]json.RawMessage, err error) {
	sent, change.Body, err = groupEntity.parse(c, "displayName", "mailNickname", "description", "mailEnabled", "securityEnabled",
		"groupTypes", "isAssignableToRole", "members@odata.bind", "owners@odata.bind")
	if err != nil {
		return change, nil, err
	}
	for name, into := range map[string]**string{"displayName": &change.Name, "mailNickname": &change.MailNickname, "description": &change.Description} {
		if *into, err = groupEntity.text(sent, name); err != nil {
			return change, nil, err
		}
	}
	for name, want := range map[string]bool{"mailEnabled": false, "securityEnabled": true, "isAssignableToRole": false} {
		value, err := groupEntity.truth(sent, name)
		if err != nil {
			return change, nil, err
		}
		if value != nil && *value != want {
			return change, nil, errBad("Only security groups are supported: '%s' must be %v.", name, want)
		}
	}
	var types []string
	if _, err := groupEntity.into(sent, "groupTypes", &types); err != nil {
		return change, nil, err
	}
	if len(types) > 0 {
		return change, nil, errBad("Only security groups are supported: 'groupTypes' must be empty.")
	}
	if change.Members, err = bound(sent, "members@odata.bind"); err != nil {
		return change, nil, err
	}
	change.Owners, err = bound(sent, "owners@odata.bind")
	return change, sent, err
}

// bound reads references that come with an object.
func bound(sent map[string]json.RawMessage, name string) ([]string, error) {
	var urls []string
	if _, err := groupEntity.into(sent, name, &urls); err != nil {
		return nil, err
	}
	if len(urls) > maxBind {
		return nil, errBad("The number of references in '%s' exceeds the maximum of %d.", name, maxBind)
	}
	ids := make([]string, 0, len(urls))
	for _, u := range urls {
		id, err := referenceID(u)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
