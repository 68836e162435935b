package arm

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// raw sends a request as its bytes say, without the tidying of clients.
func (w *world) raw(method, target string, body io.Reader, header map[string]string) *httptest.ResponseRecorder {
	path, query, _ := strings.Cut(strings.ReplaceAll(target, "{sub}", w.sub), "?")
	r := httptest.NewRequest(http.MethodGet, "/", body)
	r.Method, r.ContentLength = method, -1
	r.URL = &url.URL{Path: path, RawPath: path, RawQuery: query}
	if unescaped, err := url.PathUnescape(path); err == nil {
		r.URL.Path = unescaped
	}
	r.Header.Set("Authorization", "Bearer owner")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, r)
	return answer
}

// slow is a client that begins and does not go on: the server's deadline ends it.
type slow struct{ sent bool }

func (s *slow) Read(p []byte) (int, error) {
	if s.sent {
		return 0, errors.New("i/o timeout")
	}
	s.sent = true
	return copy(p, `{"location":`), nil
}

// badRequest is a request, and ARM's error about it.
type badRequest struct {
	method, target string
	body           io.Reader
	status         int
	code           string
}

// badRequests are named by what is bad about them; who is some principal.
func (w *world) badRequests(who string) map[string]badRequest {
	long := strings.Repeat("a", 300)
	const where = `{"location":"eastus"}`
	const role = rg + "/providers/Microsoft.Authorization/roleAssignments/eeeeeeee-0000-4000-8000-000000000001"
	return map[string]badRequest{
		"no JSON":                        {"PUT", vms + "new" + api, strings.NewReader("location=eastus"), 400, "InvalidRequestContent"},
		"half an object":                 {"PUT", vms + "new" + api, strings.NewReader(`{"location":"eastus"`), 400, "InvalidRequestContent"},
		"an object and more":             {"PUT", vms + "new" + api, strings.NewReader(where + "x"), 400, "InvalidRequestContent"},
		"two objects":                    {"PUT", ids + "new" + api, strings.NewReader(where + where), 400, "InvalidRequestContent"},
		"wrong types":                    {"PUT", ids + "new" + api, strings.NewReader(`{"location":{"a":1}}`), 400, "InvalidRequestContent"},
		"tags that are no texts":         {"PATCH", vms + "vm" + api, strings.NewReader(`{"tags":{"a":{"b":1}}}`), 400, "InvalidRequestContent"},
		"identity that is a list":        {"PATCH", vms + "vm" + api, strings.NewReader(`{"identity":[]}`), 400, "InvalidRequestContent"},
		"depth":                          {"PATCH", vms + "vm" + api, strings.NewReader(strings.Repeat(`{"a":`, 11000)), 400, "InvalidRequestContent"},
		"empty":                          {"PUT", role + api, strings.NewReader(""), 400, "InvalidRequestContent"},
		"slow":                           {"PUT", vms + "new" + api, new(slow), 400, "InvalidRequestContent"},
		"over 4 MiB, of unknown length":  {"PUT", vms + "new" + api, io.MultiReader(strings.NewReader(`{"location":"eastus","x":"`), strings.NewReader(strings.Repeat("a", maxBody))), 413, "RequestContentTooLarge"},
		"unknown identity type":          {"PATCH", vms + "vm" + api, strings.NewReader(`{"identity":{"type":"SystemAssigned, None"}}`), 400, "InvalidParameter"},
		"identity of another type":       {"PATCH", vms + "vm" + api, strings.NewReader(`{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/subscriptions/` + w.sub + `/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm":{}}}}`), 400, "FailedIdentityOperation"},
		"unknown resource type":          {"PUT", rg + "/providers/Microsoft.Compute/toasters/t" + api, strings.NewReader(where), 404, "InvalidResourceType"},
		"unknown namespace":              {"PUT", rg + "/providers/Contoso.Toys/toys/t" + api, strings.NewReader(where), 404, "InvalidResourceNamespace"},
		"name too long":                  {"PUT", vms + long + api, strings.NewReader(where), 400, "InvalidParameter"},
		"group's name too long":          {"PUT", sub + "/resourceGroups/" + long + api, strings.NewReader(where), 400, "InvalidParameter"},
		"lock's name too long":           {"PUT", rg + locks + long + api, strings.NewReader(`{"properties":{"level":"ReadOnly"}}`), 400, "InvalidParameter"},
		"name of other letters":          {"PUT", ids + "%C3%A4%C3%B6%C3%BC" + api, strings.NewReader(where), 400, "InvalidParameter"},
		"name that is no UTF-8":          {"PUT", ids + "%ff%fe%fd" + api, strings.NewReader(where), 400, "InvalidParameter"},
		"too many tags":                  {"PUT", ids + "new" + api, strings.NewReader(`{"location":"eastus","tags":{` + manyTags() + `}}`), 400, "InvalidParameter"},
		"no api-version":                 {"PUT", ids + "new", strings.NewReader(where), 400, "MissingApiVersionParameter"},
		"api-version that is no date":    {"PUT", ids + "new?api-version=latest", strings.NewReader(where), 400, "InvalidApiVersionParameter"},
		"api-version with a trailer":     {"PUT", ids + "new?api-version=2022-01-01'--", strings.NewReader(where), 400, "InvalidApiVersionParameter"},
		"api-version without end":        {"PUT", ids + "new?api-version=2022-01-01-" + long, strings.NewReader(where), 400, "InvalidApiVersionParameter"},
		"api-version twice":              {"PUT", ids + "new?api-version=2022-01-01&api-version=2023-01-01", strings.NewReader(where), 400, "InvalidQueryString"},
		"api-version twice, in two ways": {"PUT", ids + "new?api-version=2022-01-01&API-Version=2023-01-01", strings.NewReader(where), 400, "InvalidQueryString"},
		"query with a semicolon":         {"PUT", ids + "new?api-version=2022-01-01;x=1", strings.NewReader(where), 400, "InvalidQueryString"},
		"query with a broken escape":     {"PUT", ids + "new?api-version=2022-01-01&a=%zz", strings.NewReader(where), 400, "InvalidQueryString"},
		"parent directory":               {"DELETE", vms + "../virtualMachines/vm" + api, nil, 404, "MissingSubscription"},
		"escaped parent directory":       {"DELETE", vms + "%2e%2e/virtualMachines/vm" + api, nil, 404, "MissingSubscription"},
		"this directory":                 {"DELETE", vms + "./vm" + api, nil, 404, "MissingSubscription"},
		"escaped slash":                  {"DELETE", sub + "/resourceGroups%2frg" + api, nil, 404, "MissingSubscription"},
		"escaped slash in a name":        {"PUT", ids + "a%2Fb" + api, strings.NewReader(where), 404, "MissingSubscription"},
		"backslash":                      {"DELETE", sub + `/resourceGroups\rg` + api, nil, 404, "MissingSubscription"},
		"escaped NUL":                    {"DELETE", sub + "/resourceGroups/rg%00" + api, nil, 404, "MissingSubscription"},
		"escaped twice":                  {"PUT", ids + "a%252fb" + api, strings.NewReader(where), 400, "InvalidParameter"},
		"path without a slash":           {"GET", "subscriptions" + api, nil, 404, "MissingSubscription"},
		"wrong method":                   {"TRACE", vms + "vm" + api, nil, 405, "MethodNotAllowed"},
		"method in lower case":           {"delete", vms + "vm" + api, nil, 405, "MethodNotAllowed"},
		"role for nobody":                {"PUT", role + api, strings.NewReader(w.assignment("Owner", "")), 400, "InvalidPrincipalId"},
		"role that is a path":            {"PUT", role + api, strings.NewReader(w.assignment("../roleDefinitions/"+roleIDs["Owner"], who)), 400, "InvalidRoleDefinitionId"},
		"role at no scope":               {"PUT", "/providers/Microsoft.Authorization/roleAssignments/eeeeeeee-0000-4000-8000-000000000001" + api, strings.NewReader(w.assignment("Owner", who)), 404, "InvalidResourceType"},
		"filter that is none":            {"GET", rg + "/providers/Microsoft.Authorization/roleAssignments" + api + "&$filter=1%20eq%201", nil, 400, "InvalidFilterInQueryString"},
	}
}

// TestBadInputChangesNothing: each request gets ARM's own error, and what the directory
// keeps is after all of them what it was before.
func TestBadInputChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	bad := w.badRequests(w.principal(t, "app"))
	before := w.dump(t)
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			got := w.raw(tc.method, tc.target, tc.body, nil)
			wantFault(t, got.Result(), got.Body.String(), tc.status, tc.code)
			if got.Header().Get("x-ms-request-id") == "" || got.Body.Len() > 8<<10 {
				t.Errorf("%d bytes, header %v", got.Body.Len(), got.Header())
			}
		})
	}
	if diff := before.changed(w.dump(t)); diff != "" {
		t.Errorf("refused requests changed something: %s", diff)
	}
	// Doubled slashes and case are no tricks: they name what they seem to.
	if got := w.raw("DELETE", "/"+strings.ReplaceAll(strings.Replace(vms, "/resourceGroups", "//RESOURCEgroups", 1), "Microsoft.Compute", "MICROSOFT.compute")+"VM"+api, nil, nil); got.Code != http.StatusAccepted {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func manyTags() string {
	var b strings.Builder
	for i := range 51 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"t` + strings.Repeat("x", i) + `":""`)
	}
	return b.String()
}

// mend puts back what requests before may have taken: the group, and the owner's way.
func (w *world) mend(t *testing.T) {
	t.Helper()
	ctx, all := t.Context(), "/subscriptions/"+w.sub
	held, err := w.dir.Locks(ctx, all, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range held {
		if _, err := w.dir.DeleteLock(ctx, nil, l.Scope, l.Name); err != nil {
			t.Fatal(err)
		}
	}
	if owner, err := w.dir.IsOwner(ctx, ownerID); !owner || err != nil {
		if err := w.dir.AssignOwner(ctx, ownerID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.dir.GetGroup(ctx, "rg"); err != nil {
		if _, _, err := w.dir.PutGroup(ctx, nil, "rg", "eastus", nil); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzARM sends whole requests to the API. None may fail on our side, an error is in ARM's
// envelope, and whatever was changed, the directory obeys its rules.
func FuzzARM(f *testing.F) {
	for _, seed := range [][4]string{
		{"PUT", vms + "fuzz" + api, `{"location":"eastus","identity":{"type":"SystemAssigned"}}`, ""},
		{"PATCH", vms + "vm" + api, `{"tags":null,"identity":{"userAssignedIdentities":{"x":null}}}`, "*"},
		{"PUT", rg + "/providers/Microsoft.Authorization/roleAssignments/eeeeeeee-0000-4000-8000-000000000001" + api, `{"properties":{"roleDefinitionId":"x","principalId":"y"}}`, ""},
		{"PUT", rg + locks + "l" + api, `{"properties":{"level":"ReadOnly"}}`, ""},
		{"DELETE", rg + api, "", `"x"`},
		{"GET", sub + "/resources" + api + "&$filter=tagname%20eq%20'a'&$top=1&$skiptoken=YQ", "", ""},
		{"GET", sub + "/providers/Microsoft.Insights/eventtypes/management/values" + api + "&$filter=eventTimestamp%20ge%202020-01-01", "", ""},
		{"PATCH", rg + "/providers/Microsoft.Resources/tags/default" + api, `{"operation":"Merge","properties":{"tags":{"a":"b"}}}`, ""},
		{"PUT", servers + "mydb/administrators/ActiveDirectory" + api, `{"properties":{"login":"a","sid":"` + ownerID + `"}}`, ""},
		{"POST", ids + "app/listAssociatedResources" + api, "{}", ""},
		{"GET", "/%2e%2e//subscriptions?api-version=x", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	// One directory for all: to make one takes longer than a thousand requests.
	w := newWorld(f)
	w.populate(f)
	f.Fuzz(func(t *testing.T, method, target, body, match string) {
		w.mend(t)
		got := w.raw(method, target, strings.NewReader(body), map[string]string{"If-Match": match, "CommandName": match})
		if got.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %q: %d %s", method, target, got.Code, got.Body)
		}
		if got.Code >= http.StatusBadRequest && method != http.MethodHead {
			var envelope struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal(got.Body.Bytes(), &envelope); err != nil || envelope.Error.Code == "" || envelope.Error.Message == "" {
				t.Fatalf("%s %q: %d %s", method, target, got.Code, got.Body)
			}
		}
		if found, err := w.dir.Check(t.Context()); err != nil || len(found) > 0 {
			t.Fatalf("%s %q %q: %q, %v", method, target, body, found, err)
		}
	})
}

// TestNamesThatLookRight: what only looks like a version, a token or a tag's name is refused.
func TestNamesThatLookRight(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for version, ok := range map[string]bool{"2024-02-29": true, "2024-02-29-preview": true, "2023-02-29": false, "2001-13-45": false, "2001-13-45-preview": false} {
		resp, text := w.do(t, "owner", "GET", rg+"?api-version="+version, "")
		if ok != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%s: %d %s", version, resp.StatusCode, text)
		}
		if !ok {
			wantFault(t, resp, text, http.StatusBadRequest, "InvalidApiVersionParameter")
		}
	}
	const all = sub + "/resources" + api + "&$skiptoken="
	for _, token := range []string{"vm", "", "1:", "2:vm", "1:\xff"} {
		resp, text := w.do(t, "owner", "GET", all+base64.RawURLEncoding.EncodeToString([]byte(token)), "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidQueryString")
	}
	for _, name := range []string{"a<b", "a>b", "a%b", "a&b", `a\\b`, "a?b", "a/b", `a\u0001b`, strings.Repeat("n", 513), ""} {
		for _, path := range []string{rg, vms + "vm", servers + "mydb", ids + "app"} {
			resp, text := w.do(t, "owner", "PATCH", path+api, `{"tags":{"`+name+`":"v"}}`)
			wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
		}
		resp, text := w.do(t, "owner", "PUT", rg+"/providers/Microsoft.Resources/tags/default"+api, `{"properties":{"tags":{"`+name+`":"v"}}}`)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
	}
	if _, _, err := w.dir.PutGroup(t.Context(), nil, "rg", "eastus", map[string]string{"a": "", "A": ""}); err == nil || !strings.Contains(err.Error(), "'A' and 'a' are one") {
		t.Error(err) // a body with both is refused before it comes this far
	}
	w.want(t, http.StatusOK, "owner", "PATCH", rg+api, `{"tags":{"hidden-link:a b.c_d":"<>%&\\?/"}}`)
}
