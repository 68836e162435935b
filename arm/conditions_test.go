package arm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestConditionsAreMetOrRefused: a condition on the log holds for what is shown, and one
// that is written like another is not taken for it.
func TestConditionsAreMetOrRefused(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.want(t, http.StatusBadRequest, "owner", "PUT", vms+"vm"+api, `{"location":5}`)
	all, _ := w.events(t, "owner", "", "")
	for filter, want := range map[string]int{
		"status eq 'Failed'": 1, "status eq 'Succeeded'": len(all) - 1, "status eq 'Started'": 0, "status eq 'Accepted'": 0,
		"levels eq 'Critical'": 0, "levels eq 'Error'": 1, "levels eq 'Critical,Error,Warning'": 1, "levels eq 'Informational, Error'": len(all),
		"status eq 'Failed' and levels eq 'Informational'": 0, "eventTimestamp ge 2020-01-01 and eventTimestamp le 2100-01-01": len(all),
	} {
		if got, _ := w.events(t, "owner", filter, ""); len(got) != want {
			t.Errorf("%s: %d, want %d", filter, len(got), want)
		}
	}
	const roles = "/providers/Microsoft.Authorization/"
	for list, filters := range map[string][]string{
		sub + "/providers/Microsoft.Insights/eventtypes/management/values": {"status('Failed')", "status ge 'Failed'", "caller eq 'a' and caller eq 'b'"},
		rg + roles + "roleDefinitions":                                     {"roleName ge 'Owner'", "roleName('Owner')", "atScope eq 'x'", "roleName eq 'a' and roleName eq 'b'"},
		rg + roles + "roleAssignments":                                     {"principalId gt '" + ownerID + "'", "principalId('" + ownerID + "')", "assignedTo eq '" + ownerID + "'", "principalId eq '" + strangerID + "' and principalId eq '" + ownerID + "'", "principalId eq '" + ownerID + "' and assignedTo('" + ownerID + "')", "atScope eq 'x'"},
		rg + roles + "locks":                                               {"atScope eq 'x'"},
	} {
		for _, filter := range filters {
			resp, text := w.do(t, "owner", "GET", list+api+"&$filter="+url.QueryEscape(filter), "")
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "InvalidFilterInQueryString") {
				t.Errorf("%s: %s: %d %.200s", list, filter, resp.StatusCode, text)
			}
		}
	}
}
