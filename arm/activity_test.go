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
}
