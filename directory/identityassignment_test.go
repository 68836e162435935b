package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

// users asks for user-assigned identities by ARM id.
func users(ids ...string) *IdentityPatch {
	p := &IdentityPatch{Type: "UserAssigned", UserAssigned: map[string]bool{}}
	for _, id := range ids {
		p.UserAssigned[id] = true
	}
	return p
}

// TestUpdateVMIdentity walks ARM's PATCH: the type replaces the kinds, the map adds
// and takes away. "a" and "b" in the table stand for ids of identities.
func TestUpdateVMIdentity(t *testing.T) {
	type entries = map[string]bool
	const both = "SystemAssigned, UserAssigned"
	for _, tc := range []struct {
		name   string
		before IdentityPatch
		patch  IdentityPatch
		system bool
		want   string
	}{
		{"assign one", IdentityPatch{}, IdentityPatch{"UserAssigned", entries{"a": true}}, false, "a"},
		{"assign another keeps the first", IdentityPatch{"UserAssigned", entries{"a": true}}, IdentityPatch{"UserAssigned", entries{"b": true}}, false, "a b"},
		{"SystemAssigned alone wipes the user-assigned", IdentityPatch{"UserAssigned", entries{"a": true, "b": true}}, IdentityPatch{Type: "SystemAssigned"}, true, ""},
		{"both without a map keeps the map", IdentityPatch{"UserAssigned", entries{"a": true}}, IdentityPatch{Type: both}, true, "a"},
		{"both without the blank", IdentityPatch{"UserAssigned", entries{"a": true}}, IdentityPatch{Type: "SystemAssigned,UserAssigned"}, true, "a"},
		{"both in another order and case", IdentityPatch{}, IdentityPatch{" userassigned ,SYSTEMASSIGNED", entries{"a": true}}, true, "a"},
		{"UserAssigned without a map keeps the map and drops the system's", IdentityPatch{both, entries{"a": true}}, IdentityPatch{Type: "UserAssigned"}, false, "a"},
		{"null removes one, without a type", IdentityPatch{both, entries{"a": true, "b": true}}, IdentityPatch{"", entries{"a": false}}, true, "b"},
		{"null of what is not there is nothing", IdentityPatch{"UserAssigned", entries{"a": true}}, IdentityPatch{"UserAssigned", entries{"b": false}}, false, "a"},
		{"None clears", IdentityPatch{both, entries{"a": true}}, IdentityPatch{Type: "None"}, false, ""},
		{"nothing said, nothing done", IdentityPatch{both, entries{"a": true}}, IdentityPatch{}, true, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, ctx := fresh(t), t.Context()
			ids := map[string]string{}
			for _, short := range []string{"a", "b"} {
				m, _, err := d.PutIdentity(ctx, nil, "rg", "identity-"+short, "eastus", nil)
				must(t)(err)
				ids[short] = m.ID
			}
			long := func(p IdentityPatch, spell func(string) string) IdentityPatch {
				out := IdentityPatch{Type: p.Type, UserAssigned: map[string]bool{}}
				for short, wanted := range p.UserAssigned {
					out.UserAssigned[spell(ids[short])] = wanted
				}
				return out
			}
			before := long(tc.before, strings.Clone)
			vm, _, err := d.PutVM(ctx, nil, "other", "vm", Change{Location: "eastus", Identity: &before})
			must(t)(err)
			// az sends the ids to be removed in lower case.
			vm, err = d.UpdateVMIdentity(ctx, strings.ToUpper(vm.ID), long(tc.patch, strings.ToLower))
			must(t)(err)
			var got []string
			for _, id := range vm.UserAssigned {
				got = append(got, strings.TrimPrefix(id.ResourceID[strings.LastIndex(id.ResourceID, "/")+1:], "identity-"))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" || (vm.System != nil) != tc.system {
				t.Errorf("system %v, want %v; user-assigned %s", vm.System != nil, tc.system, diff)
			}
		})
	}
}

// A type that means identities names some, or there are some already.
func TestIdentitiesOfWhichThereAreNone(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	for _, kinds := range []string{"UserAssigned", "SystemAssigned, UserAssigned"} {
		_, _, err := d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: &IdentityPatch{Type: kinds}})
		if wantCode(t, err, midas.Invalid); !errors.Is(err, ErrNoIdentityIDs) {
			t.Errorf("%s: %v", kinds, err)
		}
	}
	_, err := d.GetVM(ctx, "rg", "vm")
	wantCode(t, err, midas.NotFound)
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	vm, _, err := d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: users(m.ID)})
	must(t)(err)
	_, err = d.UpdateVMIdentity(ctx, vm.ID, IdentityPatch{"UserAssigned", map[string]bool{m.ID: false}})
	must(t)(err)
}

func TestUpdateVMIdentityRefuses(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	vm, _, err := d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: users(m.ID)})
	must(t)(err)
	missing := strings.Replace(m.ID, "/app", "/nobody", 1)
	foreign := strings.Replace(m.ID, "/subscriptions/", "/subscriptions/0", 1)
	for name, tc := range map[string]struct {
		id    string
		patch IdentityPatch
		want  midas.Code
		cause error
	}{
		"unknown identity":                     {vm.ID, *users(missing), midas.NotFound, ErrNoIdentity},
		"identity of another subscription":     {vm.ID, *users(foreign), midas.NotFound, ErrNoIdentity},
		"a machine's id for an identity's":     {vm.ID, *users(vm.ID), midas.NotFound, ErrNoIdentity},
		"one known and one unknown":            {vm.ID, IdentityPatch{"SystemAssigned, UserAssigned", map[string]bool{m.ID: true, missing: true}}, midas.NotFound, ErrNoIdentity},
		"unknown type":                         {vm.ID, IdentityPatch{Type: "Everything"}, midas.Invalid, nil},
		"None with another":                    {vm.ID, IdentityPatch{Type: "None, SystemAssigned"}, midas.Invalid, nil},
		"map that the type does not allow":     {vm.ID, IdentityPatch{"SystemAssigned", map[string]bool{m.ID: true}}, midas.Invalid, nil},
		"unknown machine":                      {vm.ID + "x", IdentityPatch{Type: "None"}, midas.NotFound, nil},
		"machine's id is not the id of any VM": {m.ID, IdentityPatch{Type: "None"}, midas.NotFound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.UpdateVMIdentity(ctx, tc.id, tc.patch)
			wantCode(t, err, tc.want)
			if tc.cause != nil && !errors.Is(err, tc.cause) {
				t.Errorf("cause of %v is not %v", err, tc.cause)
			}
			after, err := d.GetVM(ctx, "rg", "vm")
			must(t)(err)
			if after.System != nil || len(after.UserAssigned) != 1 {
				t.Errorf("a refused change was half done: %+v", after)
			}
		})
	}
}

func TestSystemAssignedIdentity(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	vm, _, err := d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Identity: &IdentityPatch{Type: "SystemAssigned"}})
	must(t)(err)
	first := *vm.System
	if first.ResourceID != vm.ID {
		t.Errorf("the resource of a system-assigned identity is the machine, got %s", first.ResourceID)
	}
	object, err := d.ObjectByName(ctx, "VM")
	must(t)(err)
	if object.ObjectID != first.PrincipalID {
		t.Errorf("a system-assigned identity is named after its machine: %+v", object)
	}
	vm, created, err := d.PutVM(ctx, nil, "rg", "vm", Change{Identity: &IdentityPatch{Type: "SystemAssigned"}})
	must(t)(err)
	if created || *vm.System != first {
		t.Error("an update changed the identity")
	}
	if vm, _, err = d.PutVM(ctx, nil, "rg", "vm", Change{}); err != nil || *vm.System != first {
		t.Errorf("an update without identity changed it: %+v, %v", vm.System, err)
	}
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "vm", Change{Identity: &IdentityPatch{Type: "None"}})))
	vm, err = d.UpdateVMIdentity(ctx, vm.ID, IdentityPatch{Type: "SystemAssigned"})
	must(t)(err)
	if vm.System.PrincipalID == first.PrincipalID || vm.System.ClientID == first.ClientID {
		t.Error("an identity that was switched off came back the same")
	}
}

func TestWorkload(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	m, _, err := d.PutIdentity(ctx, nil, "rg", "app", "eastus", nil)
	must(t)(err)
	vm, _, err := d.PutVM(ctx, nil, "rg", "myVM", Change{Location: "East US", Identity: &IdentityPatch{"SystemAssigned, UserAssigned", map[string]bool{m.ID: true}}})
	must(t)(err)
	want := midas.Workload{
		ResourceID: vm.ID, VMID: vm.VMID, Name: "myVM", Location: "eastus",
		System: vm.System, UserAssigned: []midas.Identity{m.Identity}, Tags: map[string]string{}, Body: []byte("{}"),
	}
	for name, find := range map[string]func() (midas.Workload, error){
		"by VM id":  func() (midas.Workload, error) { return d.WorkloadByVMID(ctx, strings.ToUpper(vm.VMID)) },
		"by ARM id": func() (midas.Workload, error) { return d.WorkloadByID(ctx, strings.ToLower(vm.ID)) },
	} {
		got, err := find()
		must(t)(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	must(t)(second(d.DeleteVM(ctx, nil, "rg", "MYVM")))
	_, err = d.WorkloadByVMID(ctx, vm.VMID)
	wantCode(t, err, midas.NotFound)
	again, _, err := d.PutVM(ctx, nil, "rg", "myVM", Change{Location: "eastus"})
	must(t)(err)
	if again.VMID == vm.VMID {
		t.Error("a recreated machine is the old workload")
	}
}

func second[A any](_ A, err error) error { return err }

func TestBodyIsKeptAndMerged(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(ignore(d.PutVM(ctx, nil, "rg", "vm", Change{Location: "eastus", Body: []byte(`{"properties":{"hardwareProfile":{"vmSize":"B1s"},"n":12345678901234567890},"zones":["1"]}`)})))
	vm, err := d.PatchVM(ctx, nil, "rg", "vm", Change{Body: []byte(`{"properties":{"hardwareProfile":{"vmSize":"B2s"},"x":{"y":null,"z":1}},"zones":null}`)})
	must(t)(err)
	if diff := cmp.Diff(`{"properties":{"hardwareProfile":{"vmSize":"B2s"},"n":12345678901234567890,"x":{"z":1}}}`, string(vm.Body)); diff != "" {
		t.Error(diff)
	}
	_, err = d.PatchVM(ctx, nil, "rg", "vm", Change{Body: []byte(`[1]`)})
	wantCode(t, err, midas.Invalid)
}
