package arm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func repeated(text string, n int) string {
	return strings.TrimSuffix(strings.Repeat(text+",", n), ",")
}

// TestTemplatesStaySmall: a small request must not cost a large one's time or memory.
func TestTemplatesStaySmall(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const vnet = `{"type":"Microsoft.Network/virtualNetworks","apiVersion":"1","name":"%s","dependsOn":[%s]}`
	dense := func(n int) string {
		var all []string
		for i := range n {
			var on []string
			for j := range i {
				on = append(on, fmt.Sprintf(`"n%d"`, j))
			}
			all = append(all, fmt.Sprintf(vnet, fmt.Sprintf("n%d", i), strings.Join(on, ",")))
		}
		return `{"resources":[` + strings.Join(all, ",") + `]}`
	}
	w.want(t, http.StatusOK, "owner", "POST", deployments+"d/validate"+api, deploymentBody(dense(100), `{}`))
	many := func(what, one string, n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"v%d":%s`, i, one))
		}
		return `{"` + what + `":{` + strings.Join(all, ",") + `}}`
	}
	output := func(rest, value string) string {
		return `{` + rest + `,"outputs":{"o":{"type":"array","value":` + value + `}}}`
	}
	list := `"variables":{"a":[` + repeated("1", 1000) + `],"b":[` + repeated(`"[variables('a')]"`, 200) + `]}`
	long := `"parameters":{"p":{"type":"string","defaultValue":"` + strings.Repeat("x", 1<<20) + `"}}`
	for name, tc := range map[string]struct{ template, says string }{
		"dependencies":         {dense(150), "template dependencies limit exceeded"},
		"variables":            {many("variables", "1", 257), "template variables limit exceeded"},
		"parameters":           {many("parameters", `{"type":"int","defaultValue":1}`, 257), "template parameters limit exceeded"},
		"outputs":              {many("outputs", `{"type":"int","value":1}`, 65), "template outputs limit exceeded"},
		"lists of lists":       {output(list, `"[variables('b')]"`), "come to more than"},
		"copies of a text":     {output(long, `[`+repeated(`"[parameters('p')]"`, 150)+`]`), "come to more than"},
		"capitals of a text":   {output(long, `[`+repeated(`"[toUpper(parameters('p'))]"`, 150)+`]`), "come to more than"},
		"a type of many parts": {`{"resources":[{"type":"A` + strings.Repeat("/b", 2000) + `","name":"` + strings.TrimPrefix(strings.Repeat("/n", 2000), "/") + `"}]}`, "is too long"},
	} {
		resp, text := w.do(t, "owner", "PUT", deployments+"d"+api, deploymentBody(tc.template, `{}`))
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidTemplate")
		if !strings.Contains(text, tc.says) {
			t.Errorf("%s: %s", name, text)
		}
	}
	// A caller who may make none of the resources is refused first.
	w.grant(t, w.principal(t, "reader"), "Managed Identity Operator", rg)
	resp, text := w.do(t, "reader", "POST", deployments+"d/validate"+api, deploymentBody(`{"resources":[`+fmt.Sprintf(vnet, "n", `"none"`)+`]}`, `{}`))
	wantFault(t, resp, text, http.StatusForbidden, "AuthorizationFailed")
}

// TestChangesDoNotAddUp: each is within the limit of a request, all together are not.
func TestChangesDoNotAddUp(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	change := func(i int) string {
		return fmt.Sprintf(`{"properties":{"x%d":"%s"}}`, i, strings.Repeat("y", 100<<10))
	}
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, change(1))
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, change(2))
	before := w.want(t, http.StatusOK, "owner", "GET", vms+"vm"+api, "")
	resp, text := w.do(t, "owner", "PATCH", vms+"vm"+api, change(3))
	wantFault(t, resp, text, http.StatusRequestEntityTooLarge, "RequestContentTooLarge")
	if w.want(t, http.StatusOK, "owner", "GET", vms+"vm"+api, "") != before {
		t.Error("a refused change changed the machine")
	}
	large := `{"location":"eastus","properties":{"x":"` + strings.Repeat("y", 300<<10) + `"}}`
	for _, path := range []string{vms + "new", rg + "/providers/Microsoft.Network/virtualNetworks/new"} {
		resp, text := w.do(t, "owner", "PUT", path+api, large)
		wantFault(t, resp, text, http.StatusRequestEntityTooLarge, "RequestContentTooLarge")
	}
}

// TestAdministratorTellsNothingOfIdentities: whether one exists is for those who may see it.
func TestAdministratorTellsNothingOfIdentities(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	other := sub + "/resourceGroups/other"
	const theirs = "/providers/Microsoft.DBforMySQL/flexibleServers/theirs"
	w.want(t, http.StatusCreated, "owner", "PUT", other+theirs+api, `{"location":"eastus"}`)
	who := w.principal(t, "dba")
	w.grant(t, who, "Contributor", other)
	body := func(name string) string {
		return fmt.Sprintf(`{"properties":{"login":"a","sid":"%s","identityResourceId":"%s"}}`, who, strings.ReplaceAll(ids, "{sub}", w.sub)+name)
	}
	const admin = theirs + "/administrators/ActiveDirectory"
	for _, name := range []string{"app", "none"} {
		resp, text := w.do(t, "dba", "PUT", other+admin+api, body(name))
		wantFault(t, resp, text, http.StatusForbidden, "LinkedAuthorizationFailed")
	}
	w.grant(t, who, "Managed Identity Operator", ids+"app")
	w.want(t, http.StatusOK, "dba", "PATCH", other+theirs+api,
		`{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+strings.ReplaceAll(ids, "{sub}", w.sub)+`app":{}}}}`)
	w.want(t, http.StatusOK, "dba", "PUT", other+admin+api, body("app"))
}

// TestStrangersWriteNoHistory: who has a token and no role fills no log, and nobody
// writes a book into one event.
func TestStrangersWriteNoHistory(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	w.grant(t, w.principal(t, "reader"), "Reader", rg)
	const log = sub + "/providers/Microsoft.Insights/eventtypes/management/values" + api
	for _, tc := range []struct {
		who, path string
		status    int
		seen      bool
	}{
		{"stranger", rg + "-strangers", http.StatusForbidden, false},
		{"reader", rg + "-readers", http.StatusForbidden, true},
		{"owner", rg + "-owners" + strings.Repeat("x", 60_000), http.StatusRequestURITooLong, false},
		{"stranger", rg + "-far" + strings.Repeat("x", 60_000), http.StatusForbidden, false},
	} {
		resp, text := w.do(t, tc.who, "DELETE", tc.path+api, "")
		if resp.StatusCode != tc.status || len(text) > 4096 {
			t.Errorf("%s: %d, %d bytes", tc.who, resp.StatusCode, len(text))
		}
		mark := tc.path[:len(rg)+8][len(rg)-1:]
		if seen := strings.Contains(w.want(t, http.StatusOK, "owner", "GET", log, ""), mark); seen != tc.seen {
			t.Errorf("%s: %s is in the log: %v", tc.who, mark, seen)
		}
	}
}
