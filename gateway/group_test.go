package gateway_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// team makes a security group.
func (w *world) team(name string, members ...string) directory.SecurityGroup {
	w.Helper()
	g, err := w.directory.CreateSecurityGroup(w.Context(), directory.SecurityGroupChange{Name: &name, MailNickname: new("team"), Members: members})
	w.must(err)
	return g
}

// TestGroupSignsIn: a member of a group, be it through another one, signs in under the
// name of the group, as long as it is in it when it gets its token.
func TestGroupSignsIn(t *testing.T) {
	w := oneBackend(t)
	member, stranger := w.identity("member"), w.identity("stranger")
	name := w.name("readers")
	outer := w.team(name, w.team("inner", member.PrincipalID).ObjectID)
	w.exec(w.asAdmin(), fmt.Sprintf("CREATE AADUSER '%s'", name))
	if err := w.open(name, w.token(member)).Ping(); err != nil {
		t.Error(err)
	}
	w.refused(w.open(name, w.token(stranger)).Ping(), 9106, "does not contain group ID "+outer.ObjectID)
	w.must(w.directory.AddMember(t.Context(), outer.ObjectID, stranger.PrincipalID))
	if err := w.open(name, w.token(stranger)).Ping(); err != nil {
		t.Error(err)
	}
}

func TestGroupAdministersAServer(t *testing.T) {
	w := oneBackend(t)
	member := w.identity("member")
	team := w.team("dba", member.PrincipalID)
	login := w.name("dba")
	_, _, err := w.directory.SetAdministrator(t.Context(), tenantGroup, "mydb", directory.Administrator{
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
