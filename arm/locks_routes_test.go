package arm

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/injection"
)

// unlocked are the routes that a ReadOnly lock lets through, by a segment of theirs, with
// the error that they answer.
var unlocked = map[string]string{
	"locks":           "",                          // a lock that held itself could not be taken away
	"roleDefinitions": "CustomRolesNotSupported",   // refused to everyone; to take a lock away would not help
	"firewallRules":   "FirewallRulesNotSupported", // as above
}

// TestLocksHoldOnEveryRoute: whatever a route changes, be it in the directory or not, a
// ReadOnly lock forbids it.
func TestLocksHoldOnEveryRoute(t *testing.T) {
	w := newWorld(t)
	shop, keys, faults := shelf{"mydb": {{Name: "shop"}}}, &keysOf{}, faultOrders{{Kind: injection.Gone}}
	cfg := w.api.Config
	cfg.Databases, cfg.SigningKeys, cfg.Faults = shop, keys, &faults
	changed, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	*w.api = *changed
	w.populate(t)
	vm, err := w.dir.GetVM(t.Context(), "rg", "vm")
	if err != nil {
		t.Fatal(err)
	}
	faults = append(faults, injection.Fault{VMID: vm.VMID, Kind: injection.Gone})
	before := w.dump(t)
	held := map[string]int{}
	for _, r := range w.api.routes {
		if r.method == http.MethodGet || r.method == http.MethodHead {
			continue
		}
		name := r.method + " /" + strings.Join(r.pattern, "/")
		t.Run(name, func(t *testing.T) {
			segments := w.real(r)
			lock := w.lockAt(t, r.scopeIn(segments))
			resp, text := w.do(t, "owner", r.method, "/"+strings.Join(segments, "/")+api, bodyFor(r))
			if _, err := w.dir.DeleteLock(t.Context(), nil, lock.Scope, lock.Name); err != nil {
				t.Fatal(err)
			}
			for segment, code := range unlocked {
				if !slices.Contains(r.pattern, segment) {
					continue
				}
				if code != "" {
					wantFault(t, resp, text, http.StatusBadRequest, code)
				} else if resp.StatusCode >= 300 {
					t.Errorf("%d %s", resp.StatusCode, text)
				}
				return
			}
			wantFault(t, resp, text, http.StatusConflict, "ScopeLocked")
			held[strings.TrimPrefix(lock.Scope, "/subscriptions/"+w.sub)]++
		})
	}
	if diff := before.changed(w.dump(t)); diff != "" {
		t.Errorf("a refused request changed something: %s", diff)
	}
	if len(shop["mydb"]) != 1 || len(faults) != 2 || keys.now {
		t.Errorf("a refused request made %v, left %v, rotated keys: %v", shop, faults, keys.now)
	}
	if len(held) != 5 || len(w.api.routes) < 40 { // subscription, group, identity, machine, server
		t.Errorf("%d routes, held at %v", len(w.api.routes), held)
	}
}

// real is a path of the route to what populate made, or would go beside it.
func (w *world) real(r route) []string {
	const guid = "dddddddd-0000-4000-8000-000000000001"
	known := map[string]string{
		"{sub}": w.sub, "{group}": "rg", "{namespace}": compute, "{type}": "virtualMachines", "{resource}": "vm", "{parameter}": "aad_auth_only",
		"{role}": guid, "{assignment}": guid,
	}
	segments := slices.Clone(r.pattern)
	for i, segment := range segments {
		switch {
		case segment == "{name}":
			segments[i] = map[string]string{"userAssignedIdentities": "app", "virtualMachines": "vm", "flexibleServers": "mydb"}[segments[i-1]]
			if segments[i] == "" {
				segments[i] = "some"
			}
		case known[segment] != "":
			segments[i] = known[segment]
		case variable(segment):
			segments[i] = "some"
		}
	}
	return segments
}

// lockAt makes a ReadOnly lock at a scope or, where none can be, at the next one above.
func (w *world) lockAt(t *testing.T, scope string) directory.Lock {
	t.Helper()
	part := strings.Split(scope, "/")
	for _, length := range []int{9, 5, 3} { // as resource, group and subscription have
		if len(part) < length {
			continue
		}
		l, _, err := w.dir.PutLock(t.Context(), nil, directory.Lock{Name: "keep", Level: directory.ReadOnly, Scope: strings.Join(part[:length], "/")})
		if err == nil {
			return l
		}
	}
	t.Fatalf("no lock can be at %s or above", scope)
	return directory.Lock{}
}

// bodyFor is what the route takes when there is no lock.
func bodyFor(r route) string {
	if slices.Contains(r.pattern, "deployments") {
		return deploymentBody(`{}`, `{}`)
	}
	own := "" // what is no member of a resource
	if r.method == http.MethodPost || slices.Contains(r.pattern, "tags") {
		own = `"operation":"Merge","now":true,`
	}
	return fmt.Sprintf(`{`+own+`"location":"eastus","name":"some","type":%q,"kind":"gone","tags":{"a":"b"},"properties":{
"tags":{"a":"b"},"level":"ReadOnly","value":"ON","login":"l","sid":%q,"cidr":"10.0.0.0/8","issuer":"https://i.example","subject":"s","audiences":["a"],
"principalId":%[2]q,"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"}}`, serverType, ownerID)
}
