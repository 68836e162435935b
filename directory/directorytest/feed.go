package directorytest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// since returns what changed after a revision, and up to which that is complete.
func (w *world) since(s Store, after uint64) (changes []midas.Change, upTo uint64) {
	w.Helper()
	changes, upTo, err := s.Changes(w.Context(), after)
	w.must(err)
	last := after
	for _, c := range changes {
		if c.Kind != midas.ChangeAll && c.Revision <= last || c.Revision > upTo || c.ID != strings.ToLower(c.ID) {
			w.Errorf("%+v after %d and up to %d", c, last, upTo)
		}
		last = c.Revision
	}
	return changes, upTo
}

func (w *world) testFeed() {
	ctx := w.Context()
	reader := w.another()
	_, at := w.since(reader, 0)
	step := func(what string, err error, want ...midas.Change) {
		w.Helper()
		w.must(err)
		changes, upTo := w.since(reader, at)
		for _, one := range want {
			found := false
			for _, c := range changes {
				found = found || c.Kind == one.Kind && (c.ID == strings.ToLower(one.ID) || one.ID == "")
			}
			if !found {
				w.Errorf("%s: %+v does not name %s %s", what, changes, one.Kind, one.ID)
			}
		}
		if len(want) == 0 && len(changes) > 0 {
			w.Errorf("%s: %+v, and nothing has changed", what, changes)
		}
		at = upTo
	}
	g := w.group("rg")
	step("a group", nil, midas.Change{Kind: midas.ChangeResource, ID: g.ID})
	step("the same again", done(w.PutGroup(ctx, nil, "rg", "eastus", nil)))
	id := w.identity("web")
	step("an identity", nil, midas.Change{Kind: midas.ChangePrincipal, ID: id.PrincipalID})
	vm, _, err := w.PutVM(ctx, nil, "rg", "vm", directory.Change{Location: "eastus"})
	step("a machine", err, midas.Change{Kind: midas.ChangeWorkload, ID: vm.ID})
	err = done(w.PutWorkloadMatch(ctx, nil, "rg", "vm", "net", directory.WorkloadMatchInput{CIDR: "10.0.0.0/8"}))
	step("a workload match", err, midas.Change{Kind: midas.ChangeWorkloadMatch, ID: vm.ID})
	s, _, err := w.PutServer(ctx, nil, "rg", "mydb", directory.ServerChange{Change: directory.Change{Location: "eastus"}})
	step("a server", err, midas.Change{Kind: midas.ChangeServer, ID: s.ID})
	team := w.securityGroup("team")
	step("a security group", nil, midas.Change{Kind: midas.ChangeGroup, ID: team.ObjectID})
	step("a member", w.AddMember(ctx, nil, team.ObjectID, id.PrincipalID),
		midas.Change{Kind: midas.ChangePrincipal, ID: id.PrincipalID}, midas.Change{Kind: midas.ChangeMembers, ID: team.ObjectID})
	w.assign(1, id.PrincipalID, "Reader", g.ID)
	step("a role", nil, midas.Change{Kind: midas.ChangeRoleAssignment, ID: id.PrincipalID})
	step("the group with all in it", second(w.DeleteGroup(ctx, nil, "rg")),
		midas.Change{Kind: midas.ChangePrincipal, ID: id.PrincipalID}, midas.Change{Kind: midas.ChangeWorkload, ID: vm.ID},
		midas.Change{Kind: midas.ChangeWorkloadMatch, ID: vm.ID}, midas.Change{Kind: midas.ChangeServer, ID: s.ID})
	if changes, _ := w.since(reader, at+1000); len(changes) != 1 || changes[0].Kind != midas.ChangeAll {
		w.Errorf("after a revision that is not reached yet: %+v", changes)
	}
}

func (w *world) testFeedOfManyWriters() {
	const writers, each = 4, 10
	stores := []Store{w.Store, w.another()}
	_, at := w.since(w.Store, 0)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range each {
				if err := done(stores[i%len(stores)].PutGroup(w.Context(), nil, fmt.Sprintf("g-%d-%d", i, n), "eastus", nil)); err != nil {
					w.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, s := range stores {
		named := map[string]bool{}
		changes, _ := w.since(s, at)
		for _, c := range changes {
			named[c.ID] = true
		}
		if len(named) != writers*each {
			w.Errorf("%d changes are named, not %d", len(named), writers*each)
		}
	}
}
