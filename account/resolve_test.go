package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestResolve(t *testing.T) {
	dir := &fakeDirectory{objects: []midas.DirectoryObject{
		{Kind: midas.KindService, ObjectID: objectID, ClientID: clientID, Name: "app"},
		{Kind: midas.KindUser, ObjectID: strings.ToUpper(personID), Name: "me@contoso.com"},
		{Kind: midas.KindGroup, ObjectID: groupID, Name: "Group With Spaces"},
		{Kind: "Device", ObjectID: idA, Name: "phone"},
		{Kind: midas.KindUser, ObjectID: "broken", Name: "broken"},
		{Kind: midas.KindGroup, ObjectID: idB, Name: "twin"},
		{Kind: midas.KindUser, ObjectID: "22222222-2222-2222-2222-222222222222", Name: "twin"},
	}}
	silent := &fakeDirectory{err: midas.Errorf(midas.Unavailable, "dial tcp 10.0.0.7:443: connection refused")}
	tests := []struct {
		name    string
		dir     Directory
		what    CreateUser
		skip    bool
		kind    midas.PrincipalKind
		id      string
		code    midas.Code // "" for no error, which is 9102
		because string
	}{
		{"application by name: the client id is kept", dir, CreateUser{Name: "app"}, false, midas.KindService, clientID, "", ""},
		{"person by name", dir, CreateUser{Name: "me@contoso.com"}, false, midas.KindUser, personID, "", ""},
		{"group by name", dir, CreateUser{Name: "Group With Spaces"}, false, midas.KindGroup, groupID, "", ""},
		{"application by client id", dir, CreateUser{Name: "any", ID: clientID}, false, midas.KindService, clientID, "", ""},
		{"fact 10: scripts use object ids, which are kept as written", dir, CreateUser{Name: "any", ID: objectID}, false, midas.KindService, objectID, "", ""},
		{"fact 10: a group's id as written is no group", dir, CreateUser{Name: "any", ID: groupID}, true, midas.KindService, groupID, "", ""},
		{"a group's id that was looked up is a group", dir, CreateUser{Name: "any", ID: groupID}, false, midas.KindGroup, groupID, "", ""},
		{"fact 15: OFF takes an id that nobody knows", dir, CreateUser{Name: "any", ID: "33333333-3333-3333-3333-333333333333"}, true, midas.KindService, "33333333-3333-3333-3333-333333333333", "", ""},
		{"fact 15: ON does not", dir, CreateUser{Name: "any", ID: "33333333-3333-3333-3333-333333333333"}, false, "", "", midas.NotFound, "nothing in the directory"},
		{"fact 15: OFF skips only the check of ids", dir, CreateUser{Name: "nobody"}, true, "", "", midas.NotFound, "nothing in the directory is called nobody"},
		{"OFF needs no directory", nil, CreateUser{Name: "any", ID: idA}, true, midas.KindService, idA, "", ""},
		{"ON needs one", nil, CreateUser{Name: "any", ID: idA}, false, "", "", midas.NotFound, "no directory"},
		{"two of a name", dir, CreateUser{Name: "twin"}, false, "", "", midas.Conflict, "2 objects"},
		{"a kind that cannot sign in", dir, CreateUser{Name: "phone"}, false, "", "", midas.NotFound, "calls it a Device"},
		{"an id that is none", dir, CreateUser{Name: "broken"}, false, "", "", midas.NotFound, "no valid id"},
		{"no answer", silent, CreateUser{Name: "app"}, false, "", "", midas.Unavailable, "the directory does not answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind, id, err := (&Store{directory: tt.dir}).resolve(t.Context(), tt.what, tt.skip)
			if tt.code == "" {
				if err != nil || kind != tt.kind || id != tt.id {
					t.Fatalf("%s %s, %v", kind, id, err)
				}
				return
			}
			expect(t, err, tt.code, 9102)
			var public *midas.Error
			if !errors.As(err, &public) || !public.Public || !strings.Contains(err.Error(), tt.because) || !strings.Contains(public.Hint, validateVariable) {
				t.Errorf("%q, hint %q", err, midas.HintOf(err))
			}
			if strings.Contains(err.Error(), "10.0.0.7") {
				t.Error("the caller is told of the inside")
			}
		})
	}
}

// Fact 15: what validation means, on a real server; a refusal leaves nothing behind.
func TestCreateValidates(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.store()
		w.dir.objects = []midas.DirectoryObject{
			{Kind: midas.KindGroup, ObjectID: groupID, Name: w.name("group")},
			{Kind: midas.KindService, ObjectID: objectID, ClientID: clientID, Name: w.name("app")},
		}
		for name, want := range map[string]struct {
			kind midas.PrincipalKind
			id   string
		}{w.name("group"): {midas.KindGroup, groupID}, w.name("app"): {midas.KindService, clientID}} {
			done, err := s.Create(t.Context(), CreateRequest{Name: name}, false)
			if err != nil || done.Account.Kind != want.kind || done.Account.ID != want.id {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
			if got := w.lookup(w.store(), name); len(got) != 1 || got[0] != done.Account {
				t.Errorf("Lookup of %s = %v", name, got)
			}
		}
		for _, r := range []CreateRequest{
			{Name: w.name("nobody")},
			{Name: w.name("nobody"), SkipValidation: true},
			{Name: w.name("nobody"), ID: idA},
		} {
			_, err := s.Create(t.Context(), r, true)
			expect(t, err, midas.NotFound, 9102)
		}
		if accounts, rows := w.hosts(w.name("nobody")), w.rows(w.name("nobody")); len(accounts)+len(rows) > 0 {
			t.Errorf("left behind: accounts %v, rows %v", accounts, rows)
		}
		done, err := s.Create(t.Context(), CreateRequest{Name: w.name("nobody"), ID: strings.ToUpper(groupID), SkipValidation: true}, false)
		if err != nil || done.Account.Kind != midas.KindService {
			t.Fatalf("%+v, %v", done, err)
		}
		// Facts 10 and 11: a member gets in with the group's name, and not with the name
		// that was mapped to the group's id as if it were an application's.
		member := midas.Principal{ObjectID: personID, Groups: []string{groupID}}
		if err := Admit(w.lookup(s, w.name("group"))[0], member); err != nil {
			t.Errorf("a member as the group: %v", err)
		}
		expect(t, Admit(done.Account, member), midas.Forbidden, 1045)
	})
}
