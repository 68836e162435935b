package graph

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const group = `{"displayName":"dba","mailNickname":"dba","mailEnabled":false,"securityEnabled":true,"description":"who may do anything"}`

func (w *world) ref(id string) string {
	return `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"}`
}

func TestGroup(t *testing.T) {
	w := newWorld(t)
	a := w.want(t, http.StatusCreated, "POST", "/groups", group)
	id := a.str("id")
	if len(a.body) != len(groupEntity.shown)+1 || a.str("displayName") != "dba" || a.get("mailEnabled") != false || a.get("securityEnabled") != true || a.str("description") != "who may do anything" {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusNoContent, "PATCH", "/groups/"+id, `{"displayName":"DBA team","description":null,"visibility":"Private"}`)
	a = w.want(t, http.StatusOK, "GET", "/groups/"+id+"?$select=displayName,description,visibility", "")
	if a.str("displayName") != "DBA team" || a.get("description") != nil || a.str("visibility") != "Private" {
		t.Errorf("got %s", a.text)
	}
	if a := w.want(t, http.StatusOK, "GET", "/groups?$filter=displayName+eq+'dba+TEAM'+and+mailNickname+eq+'dba'", ""); a.column("id") != id {
		t.Errorf("got %s", a.text)
	}
	for body, want := range map[string]string{
		`{"displayName":"x"}`: "A value is required for property 'mailEnabled'",
		strings.Replace(group, `"mailEnabled":false`, `"mailEnabled":true`, 1):                 "Only security groups",
		strings.Replace(group, `"securityEnabled":true`, `"securityEnabled":false`, 1):         "Only security groups",
		strings.Replace(group, `"description"`, `"groupTypes":["Unified"],"description"`, 1):   "Only security groups",
		strings.Replace(group, `"mailNickname":"dba"`, `"mailNickname":"d b a"`, 1):            "'mailNickname'",
		strings.Replace(group, `"description"`, `"members@odata.bind":["x"],"description"`, 1): "Invalid URL format",
	} {
		if a := w.want(t, http.StatusBadRequest, "POST", "/groups", body); !strings.Contains(a.text, want) {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	w.want(t, http.StatusNoContent, "DELETE", "/groups/"+id, "")
	w.want(t, http.StatusNotFound, "GET", "/groups/"+id, "")
}

// TestSID is Entra's own pair: its object id and the security identifier made of it.
// Source: the conversion that Oliver Kieselbach published, "Azure AD object IDs to SID".
func TestSID(t *testing.T) {
	if got := sid("73d664e4-0886-4a73-b745-c694da45ddb4"); got != "S-1-12-1-1943430372-1249052806-2496021943-3034400218" {
		t.Errorf("got %v", got)
	}
	if got := sid("x"); got != nil {
		t.Errorf("got %v", got)
	}
}

// nobody is an object id that is not there.
const nobody = "cccccccc-0000-4000-8000-000000000001"

// nested makes a group with alice and an application in it, and one around it.
func (w *world) nested(t *testing.T) (inner, outer string) {
	t.Helper()
	inner = w.want(t, http.StatusCreated, "POST", "/groups", strings.Replace(group, `"dba"`, `"inner"`, 1)).str("id")
	outer = w.want(t, http.StatusCreated, "POST", "/groups", strings.Replace(group, `"description"`,
		`"members@odata.bind":["https://graph.microsoft.com/v1.0/groups/`+inner+`"],"owners@odata.bind":["https://graph.microsoft.com/v1.0/users/`+w.alice.ObjectID+`"],"description"`, 1)).str("id")
	w.want(t, http.StatusNoContent, "POST", "/groups/"+inner+"/members/$ref", w.ref(w.alice.ObjectID))
	w.want(t, http.StatusNoContent, "POST", "/groups/"+inner+"/members/$ref", `{"@odata.id":"`+w.URL+`/graph/v1.0/servicePrincipals('`+w.app.ObjectID+`')"}`)
	return inner, outer
}

// ids are object ids as a column shows them.
func ids(all ...string) string {
	slices.Sort(all)
	return strings.Join(all, ",")
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	inner, outer := w.nested(t)
	a := w.want(t, http.StatusBadRequest, "POST", "/groups/"+inner+"/members/$ref", w.ref(w.alice.ObjectID))
	if !strings.Contains(a.str("error", "message"), "One or more added object references already exist for the following modified properties: 'members'.") {
		t.Errorf("got %s", a.text)
	}
	for path, want := range map[string]string{
		"/groups/" + outer + "/members":                                ids(inner),
		"/groups/" + inner + "/members":                                ids(w.alice.ObjectID, w.app.ObjectID),
		"/groups/" + outer + "/transitiveMembers":                      ids(inner, w.alice.ObjectID, w.app.ObjectID),
		"/groups/" + outer + "/owners":                                 ids(w.alice.ObjectID),
		"/groups/" + inner + "/memberOf":                               ids(outer),
		"/users/alice@contoso.example/memberOf":                        ids(inner),
		"/users/alice@contoso.example/transitiveMemberOf":              ids(inner, outer),
		"/users/alice@contoso.example/ownedObjects":                    ids(outer),
		"/servicePrincipals/" + w.app.ObjectID + "/transitiveMemberOf": ids(inner, outer),
	} {
		if got := w.want(t, http.StatusOK, "GET", path, "").column("id"); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got := w.want(t, http.StatusOK, "GET", "/groups/"+inner+"/members", "").column("@odata.type"); !strings.Contains(got, "#microsoft.graph.user") || !strings.Contains(got, "#microsoft.graph.servicePrincipal") {
		t.Errorf("got %s", got)
	}
	if got := w.want(t, http.StatusOK, "GET", "/groups/"+inner+"/members/$ref", "").column("@odata.id"); !strings.Contains(got, w.URL+"/v1.0/directoryObjects/"+w.alice.ObjectID) {
		t.Errorf("got %s", got)
	}
	if a := w.want(t, http.StatusOK, "GET", "/groups/"+outer+"/transitiveMembers/$count", ""); a.text != "3" {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusNotFound, "POST", "/groups/"+inner+"/members/$ref", w.ref(nobody))
	w.want(t, http.StatusBadRequest, "POST", "/groups/"+inner+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/alice@contoso.example"}`)
	w.want(t, http.StatusBadRequest, "POST", "/groups/"+inner+"/members/$ref", w.ref(inner))
	w.want(t, http.StatusBadRequest, "POST", "/groups/"+inner+"/owners/$ref", w.ref(outer))
	w.want(t, http.StatusNoContent, "DELETE", "/groups/"+inner+"/members/"+w.alice.ObjectID+"/$ref", "")
	w.want(t, http.StatusNotFound, "DELETE", "/groups/"+inner+"/members/"+w.alice.ObjectID+"/$ref", "")
	w.want(t, http.StatusNoContent, "DELETE", "/groups/"+outer+"/owners/"+w.alice.ObjectID+"/$ref", "")
	w.want(t, http.StatusBadRequest, "GET", "/groups/"+inner+"/members?$filter=id+eq+'x'", "")
}

// TestMemberships asks the other way round: which groups somebody is in.
func TestMemberships(t *testing.T) {
	w := newWorld(t)
	inner, outer := w.nested(t)
	for _, on := range []string{"/users/alice@contoso.example", "/directoryObjects/" + w.alice.ObjectID} {
		for _, action := range []string{"/getMemberGroups", "/getMemberObjects"} {
			if got := w.want(t, http.StatusOK, "POST", on+action, `{"securityEnabledOnly":true}`).column(""); got != ids(inner, outer) {
				t.Errorf("%s%s: got %s", on, action, got)
			}
		}
		if got := w.want(t, http.StatusOK, "POST", on+"/checkMemberGroups", `{"groupIds":["`+outer+`","`+nobody+`"]}`).column(""); got != outer {
			t.Errorf("%s: got %s", on, got)
		}
		if got := w.want(t, http.StatusOK, "POST", on+"/checkMemberObjects", `{"ids":["`+nobody+`"]}`).column(""); got != "" {
			t.Errorf("%s: got %s", on, got)
		}
	}
	for _, body := range []string{`{}`, `{"groupIds":[]}`, `{"groupIds":["x"]}`, `{"groupIds":["` + strings.Repeat(nobody+`","`, 21) + nobody + `"]}`} {
		w.want(t, http.StatusBadRequest, "POST", "/users/alice@contoso.example/checkMemberGroups", body)
	}
	w.want(t, http.StatusNotFound, "POST", "/directoryObjects/"+nobody+"/getMemberGroups", `{}`)
}

func TestGetByIDs(t *testing.T) {
	w := newWorld(t)
	app, err := w.dir.ApplicationByClientID(t.Context(), w.app.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	all := `{"ids":["` + w.alice.ObjectID + `","` + w.app.ObjectID + `","` + app.ObjectID + `","cccccccc-0000-4000-8000-000000000001"]`
	a := w.want(t, http.StatusOK, "POST", "/directoryObjects/getByIds", all+`,"types":["user","group","servicePrincipal"]}`)
	if got := a.column("@odata.type"); got != "#microsoft.graph.user,#microsoft.graph.servicePrincipal" {
		t.Errorf("got %s", got)
	}
	if got := w.want(t, http.StatusOK, "POST", "/directoryObjects/getByIds", all+`}`).column("displayName"); got != "Alice,app,app" {
		t.Errorf("got %s", got)
	}
	w.want(t, http.StatusBadRequest, "POST", "/directoryObjects/getByIds", `{"ids":["alice@contoso.example"]}`)
	w.want(t, http.StatusBadRequest, "POST", "/directoryObjects/getByIds", `{"ids":"x"}`)
	w.want(t, http.StatusBadRequest, "POST", "/directoryObjects/getByIds", `{"ids":["`+strings.Repeat(app.ObjectID+`","`, 1000)+app.ObjectID+`"]}`)
	if a := w.want(t, http.StatusOK, "GET", "/directoryObjects/"+app.ObjectID, ""); a.str("@odata.type") != "#microsoft.graph.application" || a.str("@odata.context") != w.URL+"/v1.0/$metadata#directoryObjects/$entity" {
		t.Errorf("got %s", a.text)
	}
	tenant, _ := w.dir.Tenant()
	if a := w.want(t, http.StatusOK, "GET", "/organization", ""); a.column("id") != tenant {
		t.Errorf("got %s", a.text)
	}
	w.want(t, http.StatusNotFound, "GET", "/organization/other", "")
}
