package account

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
)

// Every name that the grammar lets through is the name of the account, whatever SQL
// makes of its characters.
func TestCreateNames(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s := w.store()
		fill := func(r string) string { // 32 characters, whose tag keeps them ours
			return strings.Repeat(r, maxUserName-len(w.tag)) + w.tag
		}
		for _, name := range []string{
			"Group With Spaces " + w.tag, "o'neil" + w.tag, "`" + w.tag + "``", `say "hi" ` + w.tag, `dom\ain\` + w.tag + `\`,
			"me@contoso.com" + w.tag, "%" + w.tag, "_" + w.tag, "a%" + w.tag, "ÜBER-ß-" + w.tag, "用户" + w.tag, "e\u0301" + w.tag,
			"--" + w.tag, "#" + w.tag, "/*" + w.tag + "*/", "'@'%'; DROP USER x" + w.tag, "?" + w.tag, "Case" + w.tag, "CASE" + w.tag,
			"current_user" + w.tag, fill("x"), fill("é"), fill("漢"), fill("\uffff"), "nul\\0" + w.tag, "null" + w.tag, "{}$." + w.tag,
		} {
			account := w.create(s, name, idA)
			if account.User != name {
				t.Errorf("%q became %q", name, account.User)
			}
			if got := w.lookup(w.store(), name); len(got) != 1 || got[0] != account {
				t.Errorf("Lookup(%q) = %v", name, got)
			}
			if n := w.signIn(name, w.secret(s, account)); n != 0 {
				t.Errorf("signing in as %q: %d", name, n)
			}
			if err := reassert(t, s, account); err != nil {
				t.Errorf("Reassert of %q: %v", name, err)
			}
			if n := w.signIn(name, w.secret(s, account)); n != 0 {
				t.Errorf("signing in as %q after Reassert: %d", name, n)
			}
		}
		// The patterns among them stand for nobody else.
		for _, name := range []string{"x" + w.tag, "case" + w.tag, "\u00e9" + w.tag, "ÜBER-SS-" + w.tag, "über-ß-" + w.tag} {
			if got := w.lookup(s, name); len(got) != 0 {
				t.Errorf("Lookup(%q) = %v", name, got)
			}
		}
	})
}

func TestCreateAlias(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, alias := w.store(), w.name("short")
		long := "a.very.long.name.indeed." + w.tag + "@contoso.onmicrosoft.com"
		w.dir.objects = []midas.DirectoryObject{{Kind: midas.KindUser, ObjectID: personID, Name: long}}
		_, err := s.Create(t.Context(), CreateRequest{Name: long}, false)
		expect(t, err, midas.Invalid, 1470) // fact 15: names end at 32 characters
		done, err := s.Create(t.Context(), CreateRequest{Name: long, Alias: alias, Host: "localhost"}, false)
		if err != nil {
			t.Fatal(err)
		}
		if a := done.Account; a.User != alias || a.DirectoryName != long || a.ID != personID || a.Kind != midas.KindUser || a.Host != "localhost" {
			t.Errorf("%+v", done.Account)
		}
		if n := w.signIn(alias, w.secret(s, done.Account)); n != 0 {
			t.Errorf("signing in as the alias: %d", n)
		}
		if got := w.lookup(s, alias); len(got) != 1 || got[0] != done.Account {
			t.Errorf("Lookup = %v", got)
		}
	})
}

// What cannot be a name or an id is refused before the backend hears of it; servers
// would cut or change it in silence.
func TestCreateRefusesNames(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		long := strings.Repeat("é", maxUserName+1)
		for _, tt := range []struct {
			what   string
			r      CreateRequest
			number uint16
		}{
			{"no name", CreateRequest{ID: idA}, 1396},
			{"33 characters", CreateRequest{Name: long, ID: idA}, 1470},
			{"33 characters of alias", CreateRequest{Name: user, Alias: long}, 1470},
			{"257 characters of name", CreateRequest{Name: strings.Repeat("é", maxDirectoryName+1), Alias: user}, 1470},
			{"space before", CreateRequest{Name: " " + user, ID: idA}, 1396},
			{"space after", CreateRequest{Name: user + " ", ID: idA}, 1396},
			{"no-break space after", CreateRequest{Name: user + "\u00a0", ID: idA}, 1396},
			{"NUL", CreateRequest{Name: user + "\x00", ID: idA}, 1396},
			{"invalid UTF-8", CreateRequest{Name: user + "\xc3", ID: idA}, 1396},
			{"emoji", CreateRequest{Name: user + "😀", ID: idA}, 1396},
			{"host", CreateRequest{Name: user, Host: "a'b", ID: idA}, 1396},
			{"long host", CreateRequest{Name: user, Host: strings.Repeat("h", 256), ID: idA}, 1470},
			{"id", CreateRequest{Name: user, ID: "hunter2"}, 1064},
			{"zero id", CreateRequest{Name: user, ID: "00000000-0000-0000-0000-000000000000"}, 1064},
		} {
			tt.r.SkipValidation = tt.r.ID != ""
			_, err := s.Create(t.Context(), tt.r, true)
			var public *midas.Error
			if n, _ := numberOf(err); n != tt.number || !errors.As(err, &public) || !public.Public || public.Code != midas.Invalid {
				t.Errorf("%s: number %d, error %v", tt.what, n, err)
			}
			if err != nil && (!utf8.ValidString(err.Error()) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("%s: %q", tt.what, err)
			}
		}
		if left := w.hosts(user); len(left) > 0 {
			t.Errorf("left behind: accounts at %v", left)
		}
		// Lookup says no to such names without asking a server that ignores trailing spaces.
		account := w.create(s, user, idA)
		for _, name := range []string{"", user + " ", long, user + "\x00", strings.ToUpper(user)} {
			if got := w.lookup(s, name); len(got) != 0 {
				t.Errorf("Lookup(%q) = %v, want nothing beside %v", name, got, account)
			}
		}
	})
}
