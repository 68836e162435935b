package directorytest

import (
	"errors"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

const writeGroup = "Microsoft.Resources/subscriptions/resourceGroups/write"

func (w *world) testRoles() {
	ctx := w.Context()
	g, other := w.group("rg"), w.group("other")
	w.must(w.AssignOwner(w.Context(), w.user("owner").ObjectID)) // the last one cannot be taken away
	alice := w.user("alice")
	inner := w.securityGroup("inner", alice.ObjectID)
	outer := w.securityGroup("outer", inner.ObjectID)
	allowed := func(scope string, want bool) {
		w.Helper()
		a, err := w.Access(ctx, alice.ObjectID)
		w.must(err)
		may, err := w.Allowed(ctx, alice.ObjectID, writeGroup, scope)
		if a.Allowed(writeGroup, scope) != want || may != want || err != nil {
			w.Errorf("at %s: %t, %v; want %t", scope, may, err, want)
		}
	}
	allowed(g.ID, false)
	a := w.assign(1, outer.ObjectID, "Contributor", g.ID)
	allowed(g.ID, true)
	allowed(g.ID+"/providers/Microsoft.Compute/virtualMachines/vm", true)
	allowed(other.ID, false)
	allowed(w.subscription(), false)
	w.must(w.RemoveMember(ctx, nil, inner.ObjectID, alice.ObjectID))
	allowed(g.ID, false)
	w.must(w.AddMember(ctx, nil, inner.ObjectID, alice.ObjectID))
	if _, err := w.UpdateUser(ctx, nil, alice.ObjectID, directory.UserChange{Enabled: new(false)}); err != nil {
		w.Error(err)
	}
	allowed(g.ID, false) // a token outlives the account's being enabled
	if _, err := w.UpdateUser(ctx, nil, alice.ObjectID, directory.UserChange{Enabled: new(true)}); err != nil {
		w.Error(err)
	}
	w.must(done(w.DeleteRoleAssignment(ctx, nil, a.Scope, a.Name)))
	allowed(g.ID, false)
	w.must(w.AssignOwner(ctx, alice.ObjectID))
	allowed(w.subscription(), true)
}

func (w *world) testOperations() {
	ctx := w.Context()
	who := w.user("who")
	own := directory.Permission{Action: writeGroup, Scope: w.subscription() + "/resourceGroups/made"}
	by := func(linked ...directory.Permission) *directory.Operation {
		return &directory.Operation{Action: own.Action, Scope: own.Scope, Caller: who.ObjectID, Linked: linked}
	}
	put := func(o *directory.Operation) error { return done(w.PutGroup(ctx, o, "made", "eastus", nil)) }
	denied := func(err error, want directory.Permission) {
		w.Helper()
		w.want(err, midas.Forbidden)
		var d *directory.Denied
		if !errors.As(err, &d) || !slices.Equal(d.Missing, []directory.Permission{want}) {
			w.Errorf("%v is not for the want of %+v", err, want)
		}
	}
	denied(put(by()), own)
	denied(w.Admit(ctx, by()), own)
	_, err := w.GetGroup(ctx, "made")
	w.want(err, midas.NotFound)
	w.assign(1, who.ObjectID, "Contributor", w.subscription())
	linked := directory.Permission{Action: "Microsoft.Authorization/roleAssignments/write", Scope: w.subscription()}
	denied(put(by(linked)), linked)
	o := by()
	w.must(put(o))
	w.must(put(by())) // changes nothing
	all, _, err := w.Activities(ctx, directory.ActivityFilter{Limit: 10, Caller: who.ObjectID})
	if err != nil || len(all) != 1 || !o.Noted() || all[0].ID != o.Event() || !all[0].Succeeded {
		w.Errorf("noted %t: %+v, %v", o.Noted(), all, err)
	}
	w.Note(by(), 403, "AuthorizationFailed", false)
	if all, _, err := w.Activities(ctx, directory.ActivityFilter{Limit: 10, Caller: who.ObjectID}); err != nil || len(all) != 2 || all[0].Succeeded {
		w.Errorf("with a refusal: %+v, %v", all, err)
	}
}

func (w *world) testLocks() {
	ctx := w.Context()
	g, who := w.group("rg"), w.user("who")
	w.must(w.AssignOwner(ctx, who.ObjectID))
	do := func(verb string) *directory.Operation {
		return &directory.Operation{Action: "Microsoft.Resources/subscriptions/resourceGroups/" + verb, Scope: g.ID, Caller: who.ObjectID}
	}
	remove := func(o *directory.Operation) error { return second(w.DeleteGroup(ctx, o, "rg")) }
	patch := func(o *directory.Operation) error {
		return second(w.PatchGroup(ctx, o, "rg", map[string]string{"n": o.Event()}))
	}
	w.must(done(w.PutLock(ctx, nil, directory.Lock{Scope: g.ID, Name: "keep", Level: directory.CanNotDelete})))
	if err := remove(do("delete")); !errors.Is(err, directory.ErrLocked) {
		w.Errorf("deleted under a lock: %v", err)
	}
	w.must(patch(do("write")))
	w.must(done(w.PutLock(ctx, nil, directory.Lock{Scope: w.subscription(), Name: "still", Level: directory.ReadOnly})))
	if err := patch(do("write")); !errors.Is(err, directory.ErrLocked) {
		w.Errorf("changed under a lock above: %v", err)
	}
	if all, err := w.Locks(ctx, g.ID, false); err != nil || len(all) != 2 {
		w.Errorf("%+v, %v", all, err)
	}
	w.must(second(w.DeleteLock(ctx, nil, w.subscription(), "STILL")))
	w.must(second(w.DeleteLock(ctx, nil, g.ID, "keep")))

	vm, _, err := w.PutVM(ctx, nil, "rg", "vm", directory.Change{Location: "eastus"})
	w.must(err)
	write := func(match string) error {
		o := &directory.Operation{Action: "Microsoft.Compute/virtualMachines/write", Scope: vm.ID, Caller: who.ObjectID, IfMatch: match}
		return second(w.PatchVM(ctx, o, "rg", "vm", directory.Change{Tags: map[string]string{"by": match}}))
	}
	if err := write("other"); !errors.Is(err, directory.ErrPrecondition) {
		w.Errorf("changed what is another by now: %v", err)
	}
	w.must(write(vm.ETag))
	if err := write(vm.ETag); !errors.Is(err, directory.ErrPrecondition) {
		w.Errorf("the ETag is the same after a change: %v", err)
	}
	w.must(remove(do("delete")))
}
