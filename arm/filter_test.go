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
