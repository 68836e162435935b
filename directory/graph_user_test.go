package directory

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

var _ interface {
	CheckPassword(context.Context, string, string) (midas.User, error)
	UserByID(context.Context, string) (midas.User, error)
	MemberGroups(context.Context, string) ([]string, error)
	Certificates(context.Context, string) (midas.Identity, [][]byte, error)
} = (*Directory)(nil)

const goodPassword = "Correct horse 1"

// person makes a user of that name with goodPassword.
func person(t *testing.T, d *Directory, name string) User {
	t.Helper()
	u, err := d.CreateUser(t.Context(), nil, UserChange{
		UPN: new(name + "@contoso.example"), DisplayName: new(name), MailNickname: new(name), Password: new(goodPassword),
	})
	must(t)(err)
	return u
}

func TestUsers(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	tenant, _ := d.Tenant()
	u, err := d.CreateUser(ctx, nil, UserChange{
		UPN: new("Alice@Contoso.example"), DisplayName: new("Alice Adams"), GivenName: new("Alice"), Surname: new("Adams"),
		Mail: new("a@contoso.example"), MailNickname: new("alice"), Password: new(goodPassword), Body: []byte(`{"jobTitle":"DBA"}`),
	})
	must(t)(err)
	want := User{
		User: midas.User{
			ObjectID: u.ObjectID, TenantID: tenant, UPN: "Alice@Contoso.example", DisplayName: "Alice Adams",
			GivenName: "Alice", Surname: "Adams", Mail: "a@contoso.example", Stamp: u.Stamp,
		},
		MailNickname: "alice", Enabled: true, Body: []byte(`{"jobTitle":"DBA"}`), Created: noon, Changed: noon,
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{u.ObjectID, strings.ToUpper(u.ObjectID), "ALICE@contoso.EXAMPLE"} {
		got, err := d.GetUser(ctx, id)
		must(t)(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	_, err = d.CreateUser(ctx, nil, UserChange{UPN: new("alice@contoso.example"), DisplayName: new("x"), MailNickname: new("x")})
	wantCode(t, err, midas.Conflict)

	u, err = d.UpdateUser(ctx, nil, "alice@contoso.example", UserChange{
		UPN: new("alice@contoso.example"), Surname: new(""), Guest: new(true), Body: []byte(`{"jobTitle":null,"city":"Ulm"}`),
	})
	must(t)(err)
	if u.Surname != "" || !u.Guest || string(u.Body) != `{"city":"Ulm"}` || u.UPN != "alice@contoso.example" || u.GivenName != "Alice" {
		t.Errorf("got %+v", u)
	}
	person(t, d, "bob")
	_, err = d.UpdateUser(ctx, nil, "bob@contoso.example", UserChange{UPN: new("ALICE@contoso.example")})
	wantCode(t, err, midas.Conflict)
	_, err = d.UpdateUser(ctx, nil, "nobody@contoso.example", UserChange{Surname: new("x")})
	wantCode(t, err, midas.NotFound)
	if existed, err := d.DeleteUser(ctx, nil, "nobody@contoso.example"); existed || err != nil {
		t.Errorf("%v, %v", existed, err)
	}
}

func TestUserRules(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	ok := func() UserChange {
		return UserChange{UPN: new("a@b.example"), DisplayName: new("A"), MailNickname: new("a"), Password: new(goodPassword)}
	}
	for name, spoil := range map[string]func(*UserChange){
		"no name":                    func(c *UserChange) { c.DisplayName = nil },
		"no nickname":                func(c *UserChange) { c.MailNickname = nil },
		"no UPN":                     func(c *UserChange) { c.UPN = nil },
		"UPN without domain":         func(c *UserChange) { c.UPN = new("alice") },
		"UPN with two @":             func(c *UserChange) { c.UPN = new("a@b@c") },
		"UPN with a blank":           func(c *UserChange) { c.UPN = new("a b@c.example") },
		"UPN ends with a period":     func(c *UserChange) { c.UPN = new("a.@c.example") },
		"UPN too long before the @":  func(c *UserChange) { c.UPN = new(strings.Repeat("a", 65) + "@c.example") },
		"UPN too long after the @":   func(c *UserChange) { c.UPN = new("a@" + strings.Repeat("a", 49)) },
		"blank name":                 func(c *UserChange) { c.DisplayName = new(" ") },
		"long name":                  func(c *UserChange) { c.DisplayName = new(strings.Repeat("ä", 257)) },
		"name with a line feed":      func(c *UserChange) { c.DisplayName = new("a\nb") },
		"name that is no text":       func(c *UserChange) { c.DisplayName = new("a\xff") },
		"nickname with @":            func(c *UserChange) { c.MailNickname = new("a@b") },
		"short password":             func(c *UserChange) { c.Password = new("Ab1!xyz") },
		"password of two kinds":      func(c *UserChange) { c.Password = new("abcdefgh1") },
		"password of 257 characters": func(c *UserChange) { c.Password = new("Aa1" + strings.Repeat("ä", 254)) },
		"password with a NUL":        func(c *UserChange) { c.Password = new("Passw0rd!\x00") },
		"empty password":             func(c *UserChange) { c.Password = new("") },
		"body that is no object":     func(c *UserChange) { c.Body = []byte(`[]`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := ok()
			spoil(&c)
			_, err := d.CreateUser(ctx, nil, c)
			wantCode(t, err, midas.Invalid)
		})
	}
	for _, upn := range []string{"a@localhost", "guest_example.com#EXT#@contoso.example", "o'neill@c.example"} {
		c := ok()
		c.UPN = &upn
		must(t)(second(d.CreateUser(ctx, nil, c)))
	}
}

// TestCheckPassword holds that nothing but the right password of an enabled user is
// good, and that all refusals read alike.
func TestCheckPassword(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	u := person(t, d, "alice")
	got, err := d.CheckPassword(ctx, "ALICE@contoso.example", goodPassword)
	must(t)(err)
	if diff := cmp.Diff(u.User, got); diff != "" {
		t.Error(diff)
	}
	must(t)(second(d.CreateUser(ctx, nil, UserChange{UPN: new("none@contoso.example"), DisplayName: new("n"), MailNickname: new("n")})))
	off := person(t, d, "off")
	must(t)(second(d.UpdateUser(ctx, nil, off.ObjectID, UserChange{Enabled: new(false)})))
	texts := map[string]bool{}
	for _, try := range [][2]string{
		{"alice@contoso.example", "correct horse 1"},
		{"alice@contoso.example", ""},
		{"alice@contoso.example", strings.Repeat("x", 1<<20)},
		{"none@contoso.example", ""},
		{"none@contoso.example", goodPassword},
		{"off@contoso.example", goodPassword},
		{"nobody@contoso.example", goodPassword},
		{u.ObjectID, goodPassword},
		{"", ""},
	} {
		_, err := d.CheckPassword(ctx, try[0], try[1])
		wantCode(t, err, midas.Unauthenticated)
		texts[strings.ReplaceAll(err.Error(), try[0], "")] = true
	}
	if len(texts) > 2 { // an empty name is replaced everywhere
		t.Errorf("refusals differ: %v", texts)
	}

	must(t)(second(d.UpdateUser(ctx, nil, u.ObjectID, UserChange{Password: new("Another horse 2")})))
	_, err = d.CheckPassword(ctx, u.UPN, goodPassword)
	wantCode(t, err, midas.Unauthenticated)
	must(t)(second(d.CheckPassword(ctx, u.UPN, "Another horse 2")))

	must(t)(second(d.UpdateUser(ctx, nil, u.ObjectID, UserChange{MustChange: new(true)})))
	_, err = d.CheckPassword(ctx, u.UPN, "Another horse 2")
	wantCode(t, err, midas.Unauthenticated)
	var refusal *midas.Error
	if !errors.As(err, &refusal) || !refusal.Public {
		t.Errorf("who knows the password may know that it must be changed: %v", err)
	}
	if _, err = d.CheckPassword(ctx, u.UPN, "wrong"); err == nil || strings.Contains(err.Error(), "changed") {
		t.Errorf("who does not know it may not: %v", err)
	}
	must(t)(second(d.UpdateUser(ctx, nil, u.ObjectID, UserChange{Password: new(goodPassword)})))
	must(t)(second(d.CheckPassword(ctx, u.UPN, goodPassword)))
}

func TestPasswordIsNotKept(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	person(t, d, "alice")
	person(t, d, "bob")
	hashes, err := func() (all []string, err error) {
		tx, err := d.reader.BeginTx(ctx, nil)
		must(t)(err)
		defer tx.Rollback()
		return column(ctx, tx, `SELECT DISTINCT password FROM user`)
	}()
	must(t)(err)
	if len(hashes) != 2 {
		t.Fatalf("the same password gives the same hash: %q", hashes)
	}
	for _, hash := range hashes {
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, goodPassword) {
			t.Errorf("kept %q", hash)
		}
	}
}

// TestUnknownUserCostsAsMuch compares the work, not the clock: when no hash can be made,
// neither can be told anything.
func TestUnknownUserCostsAsMuch(t *testing.T) {
	d := fresh(t)
	person(t, d, "alice")
	for range hashQueue {
		d.hasher.checking <- struct{}{}
	}
	for _, upn := range []string{"alice@contoso.example", "nobody@contoso.example"} {
		_, err := d.CheckPassword(t.Context(), upn, goodPassword)
		wantCode(t, err, midas.Unavailable)
	}
}

func TestPasswordsAreCheckedAFewAtATime(t *testing.T) {
	h := newHasher()
	for range hashQueue {
		h.setting <- struct{}{}
	}
	_, err := h.hash(t.Context(), goodPassword)
	wantCode(t, err, midas.Unavailable)
	// People who may make users keep nobody from signing in.
	if _, err := h.matches(t.Context(), goodPassword, ""); err != nil {
		t.Error(err)
	}
}

func TestUserByID(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	u := person(t, d, "alice")
	got, err := d.UserByID(ctx, u.ObjectID)
	must(t)(err)
	if got != u.User {
		t.Errorf("got %+v", got)
	}
	_, err = d.UserByID(ctx, u.UPN)
	wantCode(t, err, midas.NotFound)
	must(t)(second(d.UpdateUser(ctx, nil, u.ObjectID, UserChange{Enabled: new(false)})))
	_, err = d.UserByID(ctx, u.ObjectID)
	wantCode(t, err, midas.Forbidden)
	if active, err := d.Active(ctx, u.ObjectID); active || err != nil {
		t.Errorf("a disabled user is active: %v", err)
	}
	must(t)(second(d.DeleteUser(ctx, nil, u.ObjectID)))
	_, err = d.UserByID(ctx, u.ObjectID)
	wantCode(t, err, midas.NotFound)
}
