package arm

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestGroupsAreFilteredByTag: what az group list --tag sends.
func TestGroupsAreFilteredByTag(t *testing.T) {
	w := newWorld(t)
	for name, tags := range map[string]string{"a": `{"Team":"x"}`, "b": `{"team":"y","env":"it's"}`, "c": `{}`} {
		w.want(t, http.StatusCreated, "owner", "PUT", sub+"/resourceGroups/"+name+api, `{"location":"eastus","tags":`+tags+`}`)
	}
	const groups = sub + "/resourcegroups" + api + "&$filter="
	for filter, want := range map[string]string{
		"":                                         "a b c",
		"tagName eq 'team'":                        "a b",
		"tagname eq 'TEAM' and tagvalue eq 'x'":    "a",
		"tagName eq 'team' and tagValue eq 'X'":    "",
		"tagName eq 'env' and tagValue eq 'y'":     "",
		"tagName eq 'env' and tagValue eq 'it''s'": "b",
		"startswith(tagName, 'TE')":                "a b",
	} {
		if got := strings.Join(names(t, w.want(t, http.StatusOK, "owner", "GET", groups+url.QueryEscape(filter), "")), " "); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	for _, filter := range []string{"garbage(((", "name eq 'a'", "tagName ge 'a'", "tagName('a')", "startswith(tagValue, 'x')", "tagName eq 'a' or tagName eq 'b'"} {
		resp, text := w.do(t, "owner", "GET", groups+url.QueryEscape(filter), "")
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidFilterInQueryString")
	}
}

// TestNoListIgnoresAFilter asks every list for what it cannot understand.
func TestNoListIgnoresAFilter(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	of := strings.NewReplacer("{sub}", w.sub, "{group}", "rg", "{location}", "eastus")
	lists := 0
	for _, r := range w.api.routes {
		if r.method != http.MethodGet {
			continue
		}
		path := of.Replace("/" + strings.Join(r.pattern, "/"))
		switch {
		case strings.Contains(path, "irtualMachines/{"):
			path = strings.Replace(path, "{name}", "vm", 1)
		case strings.Contains(path, "flexibleServers/{"):
			path = strings.Replace(path, "{name}", "mydb", 1)
		default:
			path = strings.Replace(path, "{name}", "app", 1)
		}
		if strings.Contains(path, "{") {
			continue
		}
		if _, text := w.do(t, "owner", "GET", path+api, ""); !strings.HasPrefix(text, "{") || !strings.Contains(text, `"value":[`) {
			continue
		}
		lists++
		for _, filter := range []string{"garbage(((", "'/x' eq virtualMachineScaleSet/id"} {
			resp, text := w.do(t, "owner", "GET", path+api+"&$filter="+url.QueryEscape(filter), "")
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "InvalidFilterInQueryString") {
				t.Errorf("%s with %s: %d %s", path, filter, resp.StatusCode, text)
			}
		}
	}
	if lists < 25 {
		t.Errorf("only %d lists were asked", lists)
	}
}

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
