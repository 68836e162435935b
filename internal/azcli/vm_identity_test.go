package azcli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

const (
	idA = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a"
	idB = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/b"
	// as ARM answers: lower-case resourcegroups
	armA = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a"
)

// A PATCH whose type lacks UserAssigned drops every assigned identity, and one whose
// type lacks SystemAssigned drops the VM's own.
func TestAssignKeepsWhatTheVMHas(t *testing.T) {
	vm := armclient.Ref{Subscription: "s", Group: "g", Name: "vm"}
	for _, test := range []struct {
		name   string
		has    holdings
		values []string
		want   string
	}{
		{"first one", holdings{}, []string{idA}, `{"type": "UserAssigned", "userAssignedIdentities": {"` + idA + `": {}}}`},
		{"by name", holdings{}, []string{"a"}, `{"type": "UserAssigned", "userAssignedIdentities": {"` + idA + `": {}}}`},
		{"beside the VM's own", holdings{system: true}, []string{idA}, `{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"` + idA + `": {}}}`},
		{"the VM's own beside one", holdings{assigned: []string{idA}}, []string{"[System]"}, `{"type": "SystemAssigned, UserAssigned"}`},
		{"both at once", holdings{}, []string{"[system]", idA, idB}, `{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"` + idA + `": {}, "` + idB + `": {}}}`},
		{"the VM's own alone", holdings{}, []string{"[system]"}, `{"type": "SystemAssigned"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wanted, err := identitiesOf(vm, test.values)
			if err != nil {
				t.Fatal(err)
			}
			wanted.system = wanted.system || test.has.system
			sameJSON(t, test.want, wanted.patch(len(test.has.assigned) > 0))
		})
	}
}

func TestRemoveKeepsTheRest(t *testing.T) {
	vm := armclient.Ref{Subscription: "s", Group: "g", Name: "vm"}
	all := holdings{system: true, assigned: []string{armA, idB}}
	for _, test := range []struct {
		name   string
		has    holdings
		values []string
		want   string
	}{
		{"one of two, in another spelling", all, []string{idA}, `{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"` + armA + `": null}}`},
		{"named twice", all, []string{idA, "A"}, `{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"` + armA + `": null}}`},
		{"the VM's own", all, []string{"[system]"}, `{"type": "UserAssigned"}`},
		{"every assigned one", all, []string{idA, idB}, `{"type": "SystemAssigned"}`},
		{"all there are", all, []string{"[system]", idA, idB}, `{"type": "None"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			unwanted, err := identitiesOf(vm, test.values)
			if err != nil {
				t.Fatal(err)
			}
			got, err := test.has.without(vm, unwanted)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, test.want, got)
		})
	}
	for _, absent := range []holdings{{system: true}, {assigned: []string{idB}}} {
		if _, err := (holdings{assigned: []string{idA}}).without(vm, absent); midas.CodeOf(err) != midas.NotFound {
			t.Errorf("removing %v: %v", absent, err)
		}
	}
}

func TestHoldingsOfAnAnswer(t *testing.T) {
	got := holdingsOf(decoded(t, `{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"`+idB+`": {}, "`+idA+`": {}}}`))
	if diff := cmp.Diff(holdings{true, []string{idA, idB}}, got, cmp.AllowUnexported(holdings{})); diff != "" {
		t.Error(diff)
	}
	if got := holdingsOf(nil); got.system || got.assigned != nil {
		t.Errorf("nothing became %v", got)
	}
}

func sameJSON(t *testing.T, want string, value any) {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, want), decoded(t, string(raw))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An empty variable in `--identities $RESOURCE_ID` must not fall back to the VM's own
// identity: the shell leaves "" when the variable is quoted.
func TestEmptyIdentityIsRefused(t *testing.T) {
	if _, err := identitiesOf(armclient.Ref{Subscription: "s", Group: "g", Name: "vm"}, []string{""}); !usage.Is(err) {
		t.Errorf("got %v", err)
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
