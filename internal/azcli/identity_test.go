package azcli

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/armtest"
)

// What has an identity is listed as az lists it: by name, and only what has it.
func TestIdentityListResources(t *testing.T) {
	state := armtest.Plane(t)
	must := func(line string) string {
		t.Helper()
		code, stdout, stderr := ran(t, state, strings.Fields(line)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d, %s", line, code, stderr)
		}
		return strings.TrimSpace(stdout)
	}
	must("group create -n g -l eastus")
	must("identity create -g g -n held")
	must("identity create -g g -n idle")
	must("vm create -g g -n vm1 --assign-identity held")
	must("vm create -g g -n vm2 --assign-identity held")
	must("vm create -g g -n vm3 --assign-identity [system]")

	var all []map[string]any
	if err := json.Unmarshal([]byte(must("identity list-resources -g g -n held")), &all); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range all {
		names = append(names, one["name"].(string))
		if one["resourceGroup"] != "g" || !strings.EqualFold(one["type"].(string), armclient.VMs.Provider) || one["subscriptionId"] == nil || one["subscriptionDisplayName"] == nil {
			t.Errorf("%v", one)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"vm1", "vm2"}) {
		t.Errorf("%v", names)
	}
	if got := must("identity list-resources -g g -n idle"); got != "[]" {
		t.Errorf("an identity that nothing has: %s", got)
	}
	if got := must("identity list-resources -g g -n held -o table"); !strings.Contains(got, "ResourceGroup") || strings.Contains(got, "SubscriptionId") {
		t.Errorf("%s", got)
	}
	if code, _, stderr := ran(t, state, "identity", "list-resources", "-g", "g", "-n", "none"); code != 3 || !strings.Contains(stderr, "not found") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, _, stderr := ran(t, state, "identity", "list-resources", "-g", "g"); code != 2 || !strings.Contains(stderr, "missing --name/-n") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// The list goes on at nextLink by the method that asked for it first.
func TestListsGoOnByTheirMethod(t *testing.T) {
	var s *armtest.Server
	s = armtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"value": []any{map[string]any{"name": "vm2"}}}
		if r.URL.Query().Get("$skiptoken") == "" {
			page = map[string]any{"value": []any{map[string]any{"name": "vm1"}}, "nextLink": s.URL + r.URL.Path + "?$skiptoken=x"}
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	code, stdout, stderr := ran(t, s.State(t), "identity", "list-resources", "-g", "g", "-n", "i", "--query", "[].name", "-o", "tsv")
	if code != 0 || stdout != "vm1\nvm2\n" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	for _, request := range s.Requests() {
		if !strings.HasPrefix(request, "POST ") || !strings.Contains(request, "/userAssignedIdentities/i/listAssociatedResources?") {
			t.Errorf("asked: %s", request)
		}
	}
	if len(s.Requests()) != 2 {
		t.Errorf("%d requests", len(s.Requests()))
	}
}
