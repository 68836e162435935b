package arm

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

const version = "?api-version=2024-01-01"

// call sends one request. Without an answer, status is 0: the server was killed.
func (s *storm) call(method, path string, body any) (status int, answer object) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequest(method, s.base+path+version, strings.NewReader(string(text)))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer owner")
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	_ = json.Unmarshal(raw, &answer) // an empty body is none
	if resp.StatusCode >= http.StatusInternalServerError {
		s.fault("%s %s: %d %s", method, path, resp.StatusCode, raw)
	}
	return resp.StatusCode, answer
}

// stormState is what a worker knows of its own group: the identities with their client
// ids ("" for one whose answer was lost), and which of them each machine has.
type stormState struct {
	identities map[string]string
	machines   map[string]map[string]bool
}

func (s stormState) clone() stormState {
	out := stormState{maps.Clone(s.identities), map[string]map[string]bool{}}
	for name, has := range s.machines {
		out.machines[name] = maps.Clone(has)
	}
	return out
}

// stormWorker works in a resource group that is nobody else's.
type stormWorker struct {
	group string
	known stormState
	next  *stormState // as it is when the change under way has been made
}

func newStormWorker(n int) *stormWorker {
	return &stormWorker{
		group: fmt.Sprintf("/resourceGroups/worker%d", n),
		known: stormState{map[string]string{}, map[string]map[string]bool{}},
	}
}

func (w *stormWorker) identity(name string) string {
	return w.group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

func (w *stormWorker) machine(name string) string {
	return w.group + "/providers/Microsoft.Compute/virtualMachines/" + name
}

// work makes changes until the server does not answer.
func (w *stormWorker) work(s *storm) {
	for {
		id, vm := fmt.Sprintf("id%d", rand.IntN(4)), fmt.Sprintf("vm%d", rand.IntN(3))
		next := w.known.clone()
		var method, path string
		var body any
		switch rand.IntN(10) {
		case 0, 1, 2:
			method, path, body = http.MethodPut, w.identity(id), object{"location": "eastus"}
			if _, there := next.identities[id]; !there {
				next.identities[id] = ""
			}
		case 3:
			method, path = http.MethodDelete, w.identity(id)
			next.without(id)
		case 4, 5:
			method, path, body = http.MethodPut, w.machine(vm), w.putMachine(s, next, vm)
		case 6, 7, 8:
			if next.machines[vm] == nil {
				continue
			}
			method, path, body = http.MethodPatch, w.machine(vm), w.patchMachine(s, next, vm, id)
			if body == nil {
				continue
			}
		case 9:
			method, path = http.MethodDelete, w.machine(vm)
			delete(next.machines, vm)
		}
		w.next = &next
		status, answer := s.call(method, path, body)
		switch {
		case status == 0:
			return // made or not; settle finds out
		case status >= http.StatusBadRequest:
			s.fault("%s %s: %d %v", method, path, status, answer)
			return
		}
		if properties, ok := answer["properties"].(object); ok && strings.Contains(path, "userAssigned") {
			next.identities[id], _ = properties["clientId"].(string)
		}
		w.known, w.next = next, nil
		s.acknowledge()
	}
}

func (s stormState) without(id string) {
	delete(s.identities, id)
	for _, has := range s.machines {
		delete(has, id)
	}
}

// putMachine sets a machine to have all the identities that there are.
func (w *stormWorker) putMachine(s *storm, next stormState, vm string) any {
	has, assigned := map[string]bool{}, object{}
	for id := range next.identities {
		has[id], assigned[w.armID(s, id)] = true, object{}
	}
	next.machines[vm] = has
	if len(assigned) == 0 {
		return object{"location": "eastus"}
	}
	return object{"location": "eastus", "identity": object{"type": "UserAssigned", "userAssignedIdentities": assigned}}
}

// patchMachine takes an identity from a machine that has it, or gives it, if there is
// such an identity.
func (w *stormWorker) patchMachine(s *storm, next stormState, vm, id string) any {
	_, there := next.identities[id]
	change := object{}
	switch {
	case next.machines[vm][id]:
		delete(next.machines[vm], id)
		change[w.armID(s, id)] = nil
	case there:
		next.machines[vm][id] = true
		change[w.armID(s, id)] = object{}
	default:
		return nil
	}
	return object{"identity": object{"type": "UserAssigned", "userAssignedIdentities": change}}
}

func (w *stormWorker) armID(s *storm, id string) string {
	return s.base[strings.Index(s.base, "/subscriptions/"):] + w.identity(id)
}

// settle compares what is there with what was acknowledged, and remembers it.
func (w *stormWorker) settle(t *testing.T, s *storm) {
	t.Helper()
	if status, _ := s.call(http.MethodPut, w.group, object{"location": "eastus"}); status >= http.StatusBadRequest {
		t.Fatalf("%s: %d", w.group, status)
	}
	there := w.look(t, s)
	known := w.known.matches(there)
	if !known && (w.next == nil || !w.next.matches(there)) {
		t.Errorf("%s: acknowledged %v, under way %v, found %v", w.group, w.known, w.next, there)
	}
	w.known, w.next = there, nil
}

func (s stormState) matches(there stormState) bool {
	if len(s.identities) != len(there.identities) || !maps.EqualFunc(s.machines, there.machines, maps.Equal) {
		return false
	}
	for name, clientID := range s.identities {
		if got := there.identities[name]; got == "" || clientID != "" && clientID != got {
			return false
		}
	}
	return true
}

func (w *stormWorker) look(t *testing.T, s *storm) stormState {
	t.Helper()
	there := stormState{map[string]string{}, map[string]map[string]bool{}}
	for _, identity := range s.list(w.identity("")) {
		name, _ := identity["name"].(string)
		there.identities[name], _ = identity["properties"].(object)["clientId"].(string)
	}
	for _, machine := range s.list(w.machine("")) {
		has := map[string]bool{}
		identity, _ := machine["identity"].(object)
		assigned, _ := identity["userAssignedIdentities"].(object)
		for id, value := range assigned {
			name := id[strings.LastIndexByte(id, '/')+1:]
			has[name] = true
			if got := value.(object)["clientId"]; got != there.identities[name] {
				t.Errorf("%v has %s with client id %v, which has %q", machine["name"], name, got, there.identities[name])
			}
		}
		there.machines[machine["name"].(string)] = has
	}
	return there
}

// list returns the elements of a collection, or nil from a dead server.
func (s *storm) list(path string) []object {
	status, answer := s.call(http.MethodGet, strings.TrimSuffix(path, "/"), nil)
	if status != http.StatusOK && status != 0 {
		s.fault("GET %s: %d %v", path, status, answer)
	}
	values, _ := answer["value"].([]any)
	out := make([]object, 0, len(values))
	for _, value := range values {
		out = append(out, value.(object))
	}
	return out
}
