package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// team makes a security group.
func (w *world) team(name string, members ...string) directory.SecurityGroup {
	w.Helper()
	g, err := w.directory.CreateSecurityGroup(w.Context(), nil, directory.SecurityGroupChange{Name: &name, MailNickname: new("team"), Members: members})
	w.must(err)
	return g
}

// TestGroupSignsIn: a member of a group, be it through another one, signs in under the
// name of the group, as long as it is in it, whatever its token says.
func TestGroupSignsIn(t *testing.T) {
	w := oneBackend(t)
	member, stranger := w.identity("member"), w.identity("stranger")
	name := w.name("readers")
	outer := w.team(name, w.team("inner", member.PrincipalID).ObjectID)
	w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s'", name))
	if err := w.open(name, w.token(member)).Ping(); err != nil {
		t.Error(err)
	}
	raw := w.token(stranger)
	w.refused(w.open(name, raw).Ping(), 9106, "does not contain group ID "+outer.ObjectID)
	w.must(w.directory.AddMember(t.Context(), nil, outer.ObjectID, stranger.PrincipalID))
	if err := w.open(name, raw).Ping(); err != nil {
		t.Error(err)
	}
}

// waysOut are how a member of inner, which is in outer, is in outer no more.
var waysOut = map[string]func(w *world, outer, inner directory.SecurityGroup, member midas.Identity) error{
	"the member leaves": func(w *world, _, inner directory.SecurityGroup, member midas.Identity) error {
		return w.directory.RemoveMember(w.Context(), nil, inner.ObjectID, member.PrincipalID)
	},
	"its group leaves": func(w *world, outer, inner directory.SecurityGroup, _ midas.Identity) error {
		return w.directory.RemoveMember(w.Context(), nil, outer.ObjectID, inner.ObjectID)
	},
	"another way in ends": func(w *world, outer, inner directory.SecurityGroup, _ midas.Identity) error {
		// The session goes on by a group that it did not come by, until that leaves.
		w.rounds(2)
		other := w.team("other", inner.ObjectID)
		w.must(w.directory.AddMember(w.Context(), nil, outer.ObjectID, other.ObjectID))
		w.must(w.directory.RemoveMember(w.Context(), nil, outer.ObjectID, inner.ObjectID))
		w.rounds(2)
		return w.directory.RemoveMember(w.Context(), nil, outer.ObjectID, other.ObjectID)
	},
	"its group is deleted": func(w *world, _, inner directory.SecurityGroup, _ midas.Identity) error {
		_, err := w.directory.DeleteSecurityGroup(w.Context(), nil, inner.ObjectID)
		return err
	},
	"the group is deleted": func(w *world, outer, _ directory.SecurityGroup, _ midas.Identity) error {
		_, err := w.directory.DeleteSecurityGroup(w.Context(), nil, outer.ObjectID)
		return err
	},
}

// TestNothingOutlivesAMembership: neither the session that it admitted, nor the token that
// still lists the group, nor one that is asked for afterwards.
func TestNothingOutlivesAMembership(t *testing.T) {
	for how, leave := range waysOut {
		t.Run(how, func(t *testing.T) {
			w := oneBackend(t)
			w.stop()
			w.count()
			if how == "another way in ends" {
				w.recheck = 50 * time.Millisecond
			}
			w.startGateway()
			member := w.identity("member")
			inner := w.team("inner", member.PrincipalID)
			outer := w.team(w.name("readers"), inner.ObjectID)
			w.exec(w.asAdmin(), "CREATE AADUSER '"+outer.Name+"'")
			login := w.name("dba")
			_, _, err := w.directory.SetAdministrator(t.Context(), nil, tenantGroup, "mydb", directory.Administrator{
				Administrator: midas.Administrator{Login: login, ObjectID: outer.ObjectID},
			})
			w.must(err)
			old := w.token(member)
			session, admin := w.signIn(outer.Name, old), w.signIn(login, old)
			w.must(leave(w, outer, inner, member))
			began := time.Now()
			admin.query("CREATE AADUSER 'late'")
			if e := admin.readERR(); e.Code != 1227 {
				t.Errorf("CREATE AADUSER of a former member: %v", e)
			}
			for _, c := range []*rawClient{session, admin} {
				if e := c.readERR(); e.Code != 1053 || !strings.Contains(e.Message, "no longer in the group") {
					t.Error(e)
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the sessions ended after %v", took)
			}
			for _, raw := range []string{old, w.token(member)} {
				w.refused(w.open(outer.Name, raw).Ping(), 9106, "does not contain group ID "+outer.ObjectID)
				w.refused(w.open(login, raw).Ping(), 1045)
			}
		})
	}
}

func TestGroupAdministersAServer(t *testing.T) {
	w := oneBackend(t)
	member := w.identity("member")
	team := w.team("dba", member.PrincipalID)
	login := w.name("dba")
	_, _, err := w.directory.SetAdministrator(t.Context(), nil, tenantGroup, "mydb", directory.Administrator{
		Administrator: midas.Administrator{Login: login, ObjectID: team.ObjectID},
	})
	w.must(err)
	db := w.open(login, w.token(member))
	w.exec(db, fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("app"), w.identity("app").ClientID))
	w.refused(w.open(login, w.token(w.admin)).Ping(), 1045)
}

// TestGroupsLeftOut: a token of somebody who is in more groups than it can name says so,
// and the directory is asked, if there is one to ask.
func TestGroupsLeftOut(t *testing.T) {
	w := oneBackend(t)
	busy := w.identity("busy")
	name := w.name("readers")
	w.team(name, busy.PrincipalID)
	for i := range 200 {
		w.team(fmt.Sprintf("more%d", i), busy.PrincipalID)
	}
	w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s'", name))
	raw := w.token(busy)
	w.stop()
	w.groups, w.feed = nil, nil
	w.startGateway()
	w.refused(w.open(name, raw).Ping(), 9106, "claim overage")

	var known bool
	var fails error
	w.stop()
	w.groups = func(ctx context.Context, p midas.Principal) ([]string, bool, error) {
		ids, err := w.directory.MemberGroups(ctx, p.ObjectID)
		w.must(err)
		return ids, known, fails
	}
	w.startGateway()
	w.refused(w.open(name, raw).Ping(), 9106, "claim overage")
	known = true
	if err := w.open(name, raw).Ping(); err != nil {
		t.Error(err)
	}
	fails = midas.Errorf(midas.Unavailable, "the directory does not answer")
	if err := w.open(name, raw).Ping(); err == nil {
		t.Error("admitted without an answer")
	}
}
