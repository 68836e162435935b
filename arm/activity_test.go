package arm

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type event struct {
	ID, EventDataID, Caller, CorrelationID, ResourceID, ResourceGroupName, EventTimestamp string
	OperationName, Status, SubStatus                                                      struct{ Value string }
	Authorization                                                                         struct{ Action, Scope string }
	Properties                                                                            map[string]string
}

// events lists the activity log as owner, the last first.
func (w *world) events(t *testing.T, token, filter, more string) (all []event, next string) {
	t.Helper()
	path := sub + "/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter=" + url.QueryEscape(filter) + more
	var page struct {
		Value    []event
		NextLink string
	}
	if err := json.Unmarshal([]byte(w.want(t, http.StatusOK, token, "GET", path, "")), &page); err != nil {
		t.Fatal(err)
	}
	return page.Value, page.NextLink
}

func TestActivityLog(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "reader")
	w.grant(t, who, "Reader", rg)
	const correlation = "bbbbbbbb-0000-4000-8000-000000000009"
	r, err := http.NewRequestWithContext(t.Context(), "PUT", w.URL+strings.ReplaceAll(vms, "{sub}", w.sub)+"logged"+api,
		strings.NewReader(`{"location":"eastus","properties":{"osProfile":{"adminPassword":"hunter2"}},"tags":{"token":"hunter3"}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer owner")
	r.Header.Set("x-ms-correlation-request-id", correlation)
	r.Header.Set("CommandName", "vm create\xff")
	resp, err := w.Client().Do(r)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	got, _ := w.events(t, "owner", "correlationId eq '"+strings.ToUpper(correlation)+"'", "")
	if len(got) != 1 {
		t.Fatalf("%d events of one correlation", len(got))
	}
	e := got[0]
	scope := strings.ReplaceAll(vms, "{sub}", w.sub) + "logged"
	if e.Caller != ownerID || e.OperationName.Value != "Microsoft.Compute/virtualMachines/write" || e.Status.Value != "Succeeded" || e.ResourceID != scope ||
		e.ResourceGroupName != "rg" || e.Authorization.Scope != scope || e.Properties["commandName"] != "vm create" || !strings.HasPrefix(e.ID, scope+"/events/") {
		t.Errorf("%+v", e)
	}
	if when, err := time.Parse(time.RFC3339, e.EventTimestamp); err != nil || time.Since(when).Abs() > time.Minute {
		t.Errorf("%s, %v", e.EventTimestamp, err)
	}

	// Refusals are events, too; who has no token makes none.
	w.want(t, http.StatusForbidden, "reader", "DELETE", vms+"logged"+api, "")
	w.want(t, http.StatusUnauthorized, "", "DELETE", vms+"logged"+api, "")
	w.want(t, http.StatusBadRequest, "owner", "PUT", vms+"logged"+api, "{")
	got, _ = w.events(t, "owner", "resourceId eq '"+scope+"' and status eq 'Failed'", "")
	if len(got) != 2 || got[0].Properties["statusCode"] != "BadRequest" || got[1].Properties["statusCode"] != "Forbidden" || got[1].Caller != who ||
		!strings.Contains(got[1].Properties["statusMessage"], "AuthorizationFailed") {
		t.Errorf("%+v", got)
	}
	// What hands out a secret is an event; what only reads is none.
	w.want(t, http.StatusOK, "owner", "POST", vms+"logged/listIdentityEndpoint"+api, "")
	w.want(t, http.StatusOK, "owner", "GET", vms+"logged"+api, "")
	if got, _ = w.events(t, "owner", "resourceUri eq '"+scope+"'", ""); len(got) != 4 || got[0].OperationName.Value != "Microsoft.Compute/virtualMachines/listIdentityEndpoint/action" {
		t.Errorf("%d %+v", len(got), got)
	}
	for _, row := range column(t, w.open(t), `SELECT resource_id || body FROM activity`) {
		if strings.Contains(row, "hunter") {
			t.Errorf("a secret is in the log: %s", row)
		}
	}
}

func TestActivityFilters(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "reader"), "Reader", strings.Replace(rg, "/rg", "/other", 1))
	all, _ := w.events(t, "owner", "", "")
	count := func(token, filter string) int {
		t.Helper()
		got, _ := w.events(t, token, filter, "")
		return len(got)
	}
	for filter, want := range map[string]int{
		"eventTimestamp ge 2020-01-01T00:00:00Z and resourceGroupName eq 'RG'":                   6,
		"eventTimestamp ge '2020-01-01T00:00:00' and eventTimestamp le 2021-01-01":               0,
		"resourceProvider eq Microsoft.Compute and eventTimestamp ge 2020-01-01T00:00:00.123456": 2,
		"caller eq '" + ownerID + "'": len(all),
		"status eq 'Failed'":          0,
		"correlationId eq 'none'":     0,
	} {
		if got := count("owner", filter); got != want {
			t.Errorf("%s: %d, want %d", filter, got, want)
		}
	}
	if got := count("reader", ""); got != 3 { // the group, the identity in it, the role
		t.Errorf("a reader of one group sees %d events", got)
	}
	w.want(t, http.StatusForbidden, "stranger", "GET", sub+"/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01", "")
	for _, bad := range []string{"eventTimestamp ge yesterday", "caller ge 'x'", "nonsense eq 'x'", "eventTimestamp eq 2020-01-01"} {
		resp, text := w.do(t, "owner", "GET", sub+"/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter="+url.QueryEscape(bad), "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidFilterInQueryString")
	}
	// Page by page, nothing twice and nothing left out, while more comes in.
	seen := map[string]bool{}
	page, next := w.events(t, "owner", "", "&$top=3")
	for {
		for _, e := range page {
			if seen[e.EventDataID] {
				t.Fatalf("%s is there twice", e.EventDataID)
			}
			seen[e.EventDataID] = true
		}
		if next == "" {
			break
		}
		w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, "{}")
		u, err := url.Parse(next)
		if err != nil || u.Scheme+"://"+u.Host != "https://localhost:7443" {
			t.Fatalf("%s, %v", next, err)
		}
		var answer struct {
			Value    []event
			NextLink string
		}
		if err := json.Unmarshal([]byte(w.want(t, http.StatusOK, "owner", "GET", u.RequestURI(), "")), &answer); err != nil {
			t.Fatal(err)
		}
		page, next = answer.Value, answer.NextLink
	}
	if len(seen) != len(all) {
		t.Errorf("%d events on pages, %d in one", len(seen), len(all))
	}
}

func TestAsyncOperations(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "other"), "Reader", strings.Replace(rg, "/rg", "/other", 1))
	follow := func(link string) string {
		t.Helper()
		u, err := url.Parse(link)
		if err != nil || u.Host != "localhost:7443" {
			t.Fatalf("%q, %v", link, err)
		}
		return u.RequestURI()
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
		location           bool
	}{
		{"PUT", vms + "async", `{"location":"eastus"}`, 201, false},
		{"PATCH", vms + "async", `{}`, 200, false},
		{"PATCH", servers + "mydb", `{}`, 200, false},
		{"DELETE", servers + "mydb/administrators/ActiveDirectory", "", 202, true},
		{"PUT", servers + "mydb/administrators/ActiveDirectory", `{"properties":{"login":"a","sid":"` + ownerID + `"}}`, 201, false},
		{"DELETE", servers + "mydb", "", 202, true},
		{"DELETE", vms + "async", "", 202, true},
	} {
		resp, text := w.do(t, "owner", tc.method, tc.path+api, tc.body)
		monitor, location := resp.Header.Get("Azure-AsyncOperation"), resp.Header.Get("Location")
		if resp.StatusCode != tc.status || monitor == "" || (location != "") != tc.location || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("%s %s: %d %s %v", tc.method, tc.path, resp.StatusCode, text, resp.Header)
		}
		if text := w.want(t, http.StatusOK, "owner", "GET", follow(monitor), ""); !strings.Contains(text, `"status":"Succeeded"`) {
			t.Error(text)
		}
		if tc.location {
			w.want(t, http.StatusOK, "owner", "GET", follow(location), "")
		}
		w.want(t, http.StatusNotFound, "other", "GET", follow(monitor), "")
		w.want(t, http.StatusForbidden, "stranger", "GET", follow(monitor), "")
	}
	resp, _ := w.do(t, "owner", "DELETE", vms+"async"+api, "")
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Location") != "" {
		t.Errorf("deletion of nothing: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = w.do(t, "owner", "DELETE", rg+api, "")
	if resp.StatusCode != http.StatusAccepted || resp.Header.Get("Azure-AsyncOperation") != "" {
		t.Errorf("group: %d %v", resp.StatusCode, resp.Header)
	}
	w.want(t, http.StatusOK, "owner", "GET", follow(resp.Header.Get("Location")), "")
	for _, id := range []string{strangerID, "1", "'", "%25"} {
		w.want(t, http.StatusNotFound, "owner", "GET", sub+"/providers/Microsoft.Compute/locations/eastus/operations/"+id+api, "")
	}
}

func TestPreconditions(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	do := func(method, path, body, header, value string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, w.URL+strings.ReplaceAll(path, "{sub}", w.sub)+"?api-version=2024-11-01", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer owner")
		r.Header.Set(header, value)
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	for _, path := range []string{ids + "app", vms + "vm", servers + "mydb"} {
		resp, body := w.do(t, "owner", "GET", path+"?api-version=2024-11-01", "")
		etag := resp.Header.Get("ETag")
		if etag == "" || strings.Contains(path, "virtualMachines") != strings.Contains(body, strings.ReplaceAll(`"etag":`+"ETAG", "ETAG", `"\`+strings.TrimSuffix(etag, `"`)+`\""`)) {
			t.Fatalf("%s: %q %s", path, etag, body)
		}
		before := w.dump(t)
		for _, refused := range [][3]string{
			{"PUT", "If-None-Match", "*"}, {"PUT", "If-Match", `"0123456789abcdef"`}, {"PATCH", "If-Match", "x"}, {"DELETE", "If-Match", `"x"`},
		} {
			if resp := do(refused[0], path, `{"location":"eastus"}`, refused[1], refused[2]); resp.StatusCode != http.StatusPreconditionFailed {
				t.Errorf("%s %s: %d", refused, path, resp.StatusCode)
			}
		}
		if resp := do("PUT", path+"-new", `{"location":"eastus"}`, "If-Match", "*"); resp.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("If-Match of nothing: %d", resp.StatusCode)
		}
		if resp := do("PUT", path, `{"location":"eastus"}`, "If-None-Match", etag); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("If-None-Match with a tag: %d", resp.StatusCode)
		}
		if diff := before.changed(w.dump(t)); diff != "" {
			t.Errorf("a refused request changed something: %s", diff)
		}
		resp = do("PATCH", path, `{"tags":{"a":"b"}}`, "If-Match", etag)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") == etag || resp.Header.Get("ETag") == "" {
			t.Errorf("%s: %d, ETag %s after %s", path, resp.StatusCode, resp.Header.Get("ETag"), etag)
		}
		if again := do("PATCH", path, `{}`, "If-Match", etag); again.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("the tag of before: %d", again.StatusCode)
		}
		if resp := do("PUT", path+"-new", `{"location":"eastus"}`, "If-None-Match", "*"); resp.StatusCode != http.StatusCreated {
			t.Errorf("If-None-Match of nothing: %d", resp.StatusCode)
		}
		if resp := do("DELETE", path, "", "If-Match", resp.Header.Get("ETag")); resp.StatusCode >= 300 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	// A machine whose identity is deleted is another one to look at.
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm2"+api, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+strings.ReplaceAll(ids, "{sub}", w.sub)+`web":{}}}}`)
	resp, _ := w.do(t, "owner", "GET", vms+"vm2"+api, "")
	w.want(t, http.StatusOK, "owner", "DELETE", ids+"web"+api, "")
	if again, _ := w.do(t, "owner", "GET", vms+"vm2"+api, ""); again.Header.Get("ETag") == resp.Header.Get("ETag") {
		t.Error("the ETag is that of before")
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		w.want(t, http.StatusCreated, "owner", "PUT", vms+name+api, `{"location":"eastus"}`)
	}
	next := strings.TrimSuffix(vms, "/") + api + "&$top=2"
	var got []string
	for pages := 0; next != ""; pages++ {
		text := w.want(t, http.StatusOK, "owner", "GET", next, "")
		got = append(got, names(t, text)...)
		var page struct{ NextLink string }
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		next = strings.TrimPrefix(page.NextLink, "https://localhost:7443")
		if pages == 0 { // the last one that was sent, and the next
			w.want(t, http.StatusAccepted, "owner", "DELETE", vms+"b"+api, "")
			w.want(t, http.StatusAccepted, "owner", "DELETE", vms+"c"+api, "")
			w.want(t, http.StatusCreated, "owner", "PUT", vms+"a0"+api, `{"location":"eastus"}`)
		}
	}
	if want := "a b d e f g vm vm2"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, bad := range []string{"$top=0", "$top=-1", "$top=x", "$skiptoken=", "$skiptoken=!", "$top=1&$top=2", "$skiptoken=" + strings.Repeat("A", 3000)} {
		resp, text := w.do(t, "owner", "GET", strings.TrimSuffix(vms, "/")+api+"&"+bad, "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidQueryString")
	}
	// Under Azure's own name, the list goes on there.
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+strings.ReplaceAll(strings.TrimSuffix(vms, "/"), "{sub}", w.sub)+api+"&$top=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"management.azure.com": "https://management.azure.com/", "evil.example": "https://localhost:7443/"} {
		r.Host = host
		r.Header.Set("Authorization", "Bearer owner")
		resp, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ NextLink string }
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || !strings.HasPrefix(page.NextLink, want) {
			t.Errorf("%s: %q, %v", host, page.NextLink, err)
		}
		resp.Body.Close()
	}
}
