package graph

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/guid"
)

const bob = `{"accountEnabled":true,"displayName":"Bob O'Neill","mailNickname":"bob","userPrincipalName":"bob@contoso.example",
"jobTitle":"DBA","passwordProfile":{"password":"Passw0rd!","forceChangePasswordNextSignIn":false}}`

func TestUser(t *testing.T) {
	w := newWorld(t)
	a := w.want(t, http.StatusCreated, "POST", "/users", bob)
	id := a.str("id")
	want := map[string]any{
		"@odata.context": w.URL + "/v1.0/$metadata#users/$entity", "businessPhones": []any{}, "displayName": "Bob O'Neill", "givenName": nil, "id": id,
		"jobTitle": "DBA", "mail": nil, "mobilePhone": nil, "officeLocation": nil, "preferredLanguage": nil, "surname": nil, "userPrincipalName": "bob@contoso.example",
	}
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Error(diff)
	}
	if u, err := w.dir.CheckPassword(t.Context(), "bob@contoso.example", "Passw0rd!"); err != nil || u.ObjectID != id {
		t.Errorf("%+v, %v", u, err)
	}
	for _, path := range []string{"/users/" + id, "/users/bob@contoso.example", "/users('bob@contoso.example')", "/USERS/BOB%40contoso.example", "/users('" + strings.ToUpper(id) + "')"} {
		if diff := cmp.Diff(want, w.want(t, http.StatusOK, "GET", path, "").body); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if a := w.want(t, http.StatusNoContent, "PATCH", "/users/"+id, `{"jobTitle":null,"surname":"O'Neill","userType":"Guest","accountEnabled":false,"businessPhones":["1"]}`); a.text != "" {
		t.Errorf("got %s", a.text)
	}
	a = w.want(t, http.StatusOK, "GET", "/users/"+id+"?$select=jobTitle,surname,userType,accountEnabled,businessPhones,mailNickname,createdDateTime", "")
	delete(a.body, "@odata.context")
	if diff := cmp.Diff(map[string]any{
		"jobTitle": nil, "surname": "O'Neill", "userType": "Guest", "accountEnabled": false, "businessPhones": []any{"1"}, "mailNickname": "bob",
		"createdDateTime": "2026-03-01T12:00:00Z",
	}, a.body); diff != "" {
		t.Error(diff)
	}
	w.want(t, http.StatusNoContent, "DELETE", "/users/bob@contoso.example", "")
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		a := w.want(t, http.StatusNotFound, method, "/users/"+id, "{}")
		if a.str("error", "code") != "Request_ResourceNotFound" || !strings.Contains(a.text, "Resource '"+id+"' does not exist") {
			t.Errorf("%s: %s", method, a.text)
		}
	}
}

// TestPasswordIsNeverShown: neither what was sent nor what is kept of it.
func TestPasswordIsNeverShown(t *testing.T) {
	w := newWorld(t)
	a := w.want(t, http.StatusCreated, "POST", "/users", bob)
	b := w.want(t, http.StatusOK, "GET", "/users/"+a.str("id")+"?$select=passwordProfile,id", "")
	c := w.want(t, http.StatusOK, "GET", "/users?$select=passwordProfile", "")
	for _, text := range []string{a.text, b.text, c.text} {
		if strings.Contains(text, "Passw0rd!") || strings.Contains(text, "argon2") {
			t.Errorf("got %s", text)
		}
	}
}

func TestBadUsers(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "POST", "/users", bob)
	with := func(old, new string) string { return strings.Replace(bob, old, new, 1) }
	for body, want := range map[string]string{
		"":                                     "Unable to read JSON request payload",
		"[]":                                   "Unable to read JSON request payload",
		bob[:60]:                               "Unable to read JSON request payload",
		"null":                                 "Unable to read JSON request payload",
		`{}`:                                   "A value is required for property 'accountEnabled'",
		bob:                                    "Another object with the same value for property userPrincipalName already exists.",
		with(`"accountEnabled":true,`, ``):     "A value is required for property 'accountEnabled'",
		with(`"bob@contoso.example"`, `"bob"`): "'userPrincipalName'",
		with(`"bob@contoso.example"`, `["x"]`): "'userPrincipalName'",
		with(`"DBA"`, `7`):                     "'jobTitle'",
		with(`"jobTitle"`, `"salary"`):         "Invalid property 'salary'.",
		with(`"jobTitle":"DBA"`, `"id":"x"`):   "'id' is read-only",
		with(`"jobTitle":"DBA"`, `"userType":"Admin"`):          "'userType'",
		with(`"jobTitle":"DBA"`, `"businessPhones":"1"`):        "'businessPhones'",
		with(`Passw0rd!`, `secret`):                             "password complexity",
		with(`"Bob O'Neill"`, `"`+strings.Repeat("x", 300)+`"`): "'displayName'",
	} {
		a := w.want(t, http.StatusBadRequest, "POST", "/users", body)
		if !strings.Contains(a.str("error", "message"), want) || strings.Contains(a.text, "secret") {
			t.Errorf("%s: got %s, want %q", body, a.text, want)
		}
	}
	a := w.want(t, http.StatusRequestEntityTooLarge, "POST", "/users", `{"displayName":"`+strings.Repeat("x", maxBody)+`"}`)
	if a.str("error", "code") != "RequestEntityTooLarge" {
		t.Errorf("got %s", a.text)
	}
	if a := w.want(t, http.StatusOK, "GET", "/users?$count=true", ""); a.get("@odata.count") != 2.0 {
		t.Errorf("bad users were made: %s", a.text)
	}
}

func TestListsAndOptions(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.want(t, http.StatusCreated, "POST", "/users", strings.NewReplacer("bob@", fmt.Sprintf("u%d@", i), "Bob O'Neill", fmt.Sprintf("User %d", i)).Replace(bob))
	}
	list := func(query string) answerOf { return w.want(t, http.StatusOK, "GET", "/users?"+query, "") }
	for query, want := range map[string]string{
		"":                                      "Alice,User 0,User 1,User 2,User 3,User 4",
		"$filter=displayName%20eq%20'user%201'": "User 1",
		"%24filter=startswith(displayName%2C'User')%20and%20not(userPrincipalName+eq+'u2@contoso.example')": "User 0,User 1,User 3,User 4",
		"$FILTER=displayName%20in%20('Alice','User%204')":                                                   "Alice,User 4",
		"$orderby=displayName&$top=999":                                                                     "Alice,User 0,User 1,User 2,User 3,User 4",
		"api-version=1.6":                                                                                   "Alice,User 0,User 1,User 2,User 3,User 4",
	} {
		if got := list(query).column("displayName"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	var names []string
	for next := w.URL + "/v1.0/users?$top=4&$select=displayName&$count=true"; next != ""; {
		a := w.want(t, http.StatusOK, "GET", next, "")
		if a.get("@odata.count") != 6.0 || len(a.body["value"].([]any)) > 4 {
			t.Errorf("got %s", a.text)
		}
		if first := a.body["value"].([]any)[0].(map[string]any); !slices.Equal(slices.Collect(maps.Keys(first)), []string{"displayName"}) {
			t.Errorf("$select is lost on the way: %v", first)
		}
		names = append(names, a.column("displayName"))
		next = a.str("@odata.nextLink")
	}
	if got := strings.Join(names, "|"); got != "Alice,User 0,User 1,User 2|User 3,User 4" {
		t.Errorf("got %s", got)
	}
	if a := w.want(t, http.StatusOK, "GET", "/users/$count?$filter=startswith(displayName,'user')", ""); a.text != "5" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("got %s", a.text)
	}
	for _, query := range []string{
		"$top=0", "$top=1000", "$top=x", "$top=1&$top=2", "$top=1&$TOP=1", "$skip=1", "$search=x", "$expand=manager", "$orderby=mail", "$count=yes",
		"$filter=", "$filter=x", "$filter=salary%20eq%20'1'", "$filter=displayName%20eq%20true", "$skiptoken=x", "$select=", "$select=salary", "$deltatoken=x", "%zz",
	} {
		if a := w.do(t, "owner", "GET", "/users?"+query, ""); a.StatusCode != http.StatusBadRequest || a.str("error", "message") == "" {
			t.Errorf("%s: %d %s", query, a.StatusCode, a.text)
		}
	}
}

func TestPathsAndHeaders(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]int{
		"/v1.0/users/alice@contoso.example":        200,
		"/graph/v1.0/users":                        200,
		"//graph//v1.0//users/":                    200,
		"/beta/users":                              200,
		"/graph/beta/users":                        200,
		"/v2.0/users":                              400,
		"/graph/users":                             400,
		"/v1.0":                                    400,
		"/v1.0/planets":                            400,
		"/v1.0/oauth2PermissionGrants":             400,
		"/v1.0/$batch":                             400,
		"/v1.0/applications/x/addKey":              400,
		"/v1.0/users/a/b/c":                        400,
		"/v1.0/users/../groups":                    400,
		"/v1.0/users/%2e%2e":                       400,
		"/v1.0/users/a%2fb":                        400,
		"/v1.0/users('alice@contoso.example'":      400,
		"/v1.0/users('alice'@contoso.example')":    400,
		"/v1.0/users(alice)":                       400,
		"/v1.0/users()":                            400,
		"/v1.0/users(appId='x')":                   400,
		"/v1.0/users('nobody@contoso.example')":    404,
		"/v1.0/users('o''neill@contoso.example')":  404,
		"/v1.0/groups/alice@contoso.example":       404,
		"/v1.0/servicePrincipals(appId='nothing')": 404,
	} {
		if a := w.do(t, "owner", "GET", w.URL+path, ""); a.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, a.StatusCode, a.text, want)
		}
	}
	a := w.do(t, "owner", "PUT", "/users", "{}")
	if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, POST" {
		t.Errorf("%d, allowed %q", a.StatusCode, a.Header.Get("Allow"))
	}
	a = w.do(t, "owner", "GET", "/users/nobody", "")
	id := a.Header.Get("request-id")
	if !guid.Valid(id) || a.Header.Get("client-request-id") != id || a.str("error", "innerError", "request-id") != id ||
		a.str("error", "innerError", "client-request-id") != id || a.str("error", "innerError", "date") != "2026-03-01T12:00:00" {
		t.Errorf("%v %s", a.Header, a.text)
	}
	if a.Header.Get("OData-Version") != "4.0" || a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json;odata.metadata=minimal") {
		t.Errorf("%v", a.Header)
	}
}
