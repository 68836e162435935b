package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

const (
	idA = "11111111-2222-3333-4444-555555555555"
	idB = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

const setOff = "SET aad_auth_validate_oids_in_tenant = OFF"

// wellFormed are statements of ours, in every form that the grammar has.
var wellFormed = []struct {
	name, sql string
	opts      Options
	want      Statement
	rest      string
}{
	{"user principal name", `CREATE AADUSER 'me@contoso.com'`, Options{}, CreateUser{Name: "me@contoso.com", Host: "%"}, ""},
	{"alias", `CREATE AADUSER 'a.very.long.name.indeed@contoso.onmicrosoft.com' AS 'short'`, Options{}, CreateUser{Name: "a.very.long.name.indeed@contoso.onmicrosoft.com", Host: "%", Alias: "short"}, ""},
	{"group with spaces", `CREATE AADUSER 'Group With Spaces'`, Options{}, CreateUser{Name: "Group With Spaces", Host: "%"}, ""},
	{"client id, after SET in one text", setOff + `; CREATE AADUSER 'myuser' IDENTIFIED BY '` + idA + `';`, Options{}, SetValidate{}, " CREATE AADUSER 'myuser' IDENTIFIED BY '" + idA + "';"},
	{"client id", `CREATE AADUSER 'myuser' IDENTIFIED BY '` + strings.ToUpper(idB) + `';`, Options{}, CreateUser{Name: "myuser", Host: "%", ID: idB}, ""},
	{"client id in braces, without hyphens", `CREATE AADUSER 'myuser' IDENTIFIED BY '{` + strings.ReplaceAll(idB, "-", "") + `}'`, Options{}, CreateUser{Name: "myuser", Host: "%", ID: idB}, ""},
	{"if not exists", `create aaduser if not exists 'n' as 'a'`, Options{}, CreateUser{Name: "n", Host: "%", Alias: "a", IfNotExists: true}, ""},
	{"if not exists with id", `CREATE AADUSER IF NOT EXISTS 'n' IDENTIFIED BY '` + idA + `'`, Options{}, CreateUser{Name: "n", Host: "%", ID: idA, IfNotExists: true}, ""},
	{"host", `CREATE AADUSER 'n'@'10.0.%' IDENTIFIED BY '` + idA + `'`, Options{}, CreateUser{Name: "n", Host: "10.0.%", ID: idA}, ""},
	{"host apart, in capitals", `CREATE AADUSER 'n' @ 'DB.Example'`, Options{}, CreateUser{Name: "n", Host: "db.example"}, ""},
	{"host with the identity, not the alias", `CREATE AADUSER 'identity'@'host' AS 'alias'`, Options{}, CreateUser{Name: "identity", Host: "host", Alias: "alias"}, ""},
	{"empty host is any", `CREATE AADUSER n@''`, Options{}, CreateUser{Name: "n", Host: "%"}, ""},
	{"bare words", `CREATE AADUSER my_user1@db-1.example.com AS other`, Options{}, CreateUser{Name: "my_user1", Host: "db-1.example.com", Alias: "other"}, ""},
	{"bare umlaut", `CREATE AADUSER über`, Options{}, CreateUser{Name: "über", Host: "%"}, ""},
	{"double quotes, backquotes", "CREATE AADUSER \"n\"@`h` AS \"a\"", Options{}, CreateUser{Name: "n", Host: "h", Alias: "a"}, ""},
	{"doubled quotes", `CREATE AADUSER 'o''neil'`, Options{}, CreateUser{Name: "o'neil", Host: "%"}, ""},
	{"backslash", `CREATE AADUSER 'o\'ne\\il\_'`, Options{}, CreateUser{Name: `o'ne\il\_`, Host: "%"}, ""},
	{"NO_BACKSLASH_ESCAPES", `CREATE AADUSER 'dom\user'`, Options{NoBackslashEscapes: true}, CreateUser{Name: `dom\user`, Host: "%"}, ""},
	{"ANSI_QUOTES", `CREATE AADUSER "dom\user"`, Options{AnsiQuotes: true}, CreateUser{Name: `dom\user`, Host: "%"}, ""},
	{"backquotes know no escapes", "CREATE AADUSER `dom\\``user`", Options{}, CreateUser{Name: "dom\\`user", Host: "%"}, ""},
	{"comments", "/* a */ # b\n-- c\nCREATE/**/AADUSER/*d*/'n'-- e", Options{}, CreateUser{Name: "n", Host: "%"}, ""},
	{"executable comment is text", "/*!50000 CREATE */ /*M!100100 AADUSER */ 'n'", Options{}, CreateUser{Name: "n", Host: "%"}, ""},
	{"rest", "CREATE AADUSER 'n'; SELECT ';'", Options{}, CreateUser{Name: "n", Host: "%"}, " SELECT ';'"},
	{"comment alone is no rest", "CREATE AADUSER 'n'; -- done", Options{}, CreateUser{Name: "n", Host: "%"}, ""},
	{"all placeholders", "CREATE AADUSER ?@? AS ?", Options{}, CreateUser{Host: "%", Placeholders: []Field{FieldName, FieldHost, FieldAlias}}, ""},
	{"id placeholder", "CREATE AADUSER 'n' IDENTIFIED BY ?", Options{}, CreateUser{Name: "n", Host: "%", Placeholders: []Field{FieldID}}, ""},
	{"set on", "SET aad_auth_validate_oids_in_tenant=1", Options{}, SetValidate{On: true}, ""},
	{"set session", "set session AAD_auth_validate_oids_in_tenant := 'off'", Options{}, SetValidate{}, ""},
	{"set @@session", "SET @@session.`aad_auth_validate_oids_in_tenant` = FALSE;", Options{}, SetValidate{}, ""},
	{"set @@local", "SET @@ local . aad_auth_validate_oids_in_tenant = DEFAULT", Options{}, SetValidate{On: true}, ""},
	{"set placeholder", "SET @@aad_auth_validate_oids_in_tenant = ?", Options{}, SetValidate{Placeholders: []Field{FieldValue}}, ""},
	{"long text after a short statement", setOff + ";" + strings.Repeat(" x", MaxStatement), Options{}, SetValidate{}, strings.Repeat(" x", MaxStatement)},
}

func TestParse(t *testing.T) {
	for _, tt := range wellFormed {
		t.Run(tt.name, func(t *testing.T) {
			got, rest, ok, err := Parse(tt.sql, tt.opts)
			if err != nil || !ok {
				t.Fatalf("Parse(%q) = ok %v, err %v", tt.sql, ok, err)
			}
			if !Ours([]byte(tt.sql)) {
				t.Error("Ours says no")
			}
			if host, isUser := tt.want.(CreateUser); isUser && host.Host == "%" && len(host.Placeholders) == 3 {
				host.Host = "" // a placeholder has no value yet
				tt.want = host
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("statement (-want +got):\n%s", diff)
			}
			if rest != tt.rest {
				t.Errorf("rest = %q, want %q", rest, tt.rest)
			}
		})
	}
}

func TestParseLeavesOthersAlone(t *testing.T) {
	for _, sql := range []string{
		"", ";", "SELECT 1", "CREATE USER 'n'", "CREATE TABLE aaduser (a int)", "CREATE OR REPLACE USER n", "CREATE", "SET",
		"SET autocommit=1", "SET @aad_auth_validate_oids_in_tenant = 1", "SET NAMES utf8mb4", "SET SESSION autocommit=1",
		"SELECT 1; CREATE AADUSER 'n'", "/* CREATE AADUSER 'n'", "'CREATE' AADUSER 'n'", "CREATE 'AADUSER' n", "CREATE AADUSERS 'n'",
		"--CREATE AADUSER 'n'", "SHOW CREATE USER n", "DROP USER n", "ALTER USER n", "\x00CREATE AADUSER 'n'",
		strings.Repeat(" ", MaxStatement) + "CREATE AADUSER 'n'",
	} {
		if Ours([]byte(sql)) {
			t.Errorf("Ours(%.60q) = true", sql)
		}
		if st, _, ok, err := Parse(sql, Options{}); ok || err != nil || st != nil {
			t.Errorf("Parse(%.60q) = %v, ok %v, err %v", sql, st, ok, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("é", 33)
	tests := []struct {
		name, sql string
		number    uint16
		message   string // part of message and hint
	}{
		{"nothing", "CREATE AADUSER", 1064, "ends where the name"},
		{"empty name", "CREATE AADUSER ''", 1064, "name is empty"},
		{"unclosed", "CREATE AADUSER 'n", 1064, "no closing quote"},
		{"keyword as a name", "CREATE AADUSER AS 'n'", 1064, "expected the name"},
		{"33 characters", "CREATE AADUSER '" + long + "'", 1470, "AS 'alias'"},
		{"33 characters of alias", "CREATE AADUSER 'n' AS '" + long + "'", 1470, "33 characters"},
		{"leading space", "CREATE AADUSER ' n'", 1396, "begins or ends with a space"},
		{"quotes in quotes", `CREATE AADUSER "'n'"`, 1396, "stands in quotes"},
		{"trailing space of the alias", "CREATE AADUSER 'n' AS 'a '", 1396, "begins or ends with a space"},
		{"NUL", `CREATE AADUSER 'a\0b'`, 1396, "control character"},
		{"invalid UTF-8", "CREATE AADUSER 'a\xffb'", 1396, "UTF-8"},
		{"emoji, which servers store as ?", "CREATE AADUSER 'a😀'", 1396, "AS 'alias'"},
		{"host", "CREATE AADUSER 'n'@'a b'", 1396, "host name"},
		{"id is no GUID", "CREATE AADUSER 'n' IDENTIFIED BY 'Passw0rd!'", 1064, "GUID"},
		{"id is zero", "CREATE AADUSER 'n' IDENTIFIED BY '00000000-0000-0000-0000-000000000000'", 1064, "GUID"},
		{"id empty", "CREATE AADUSER 'n' IDENTIFIED BY ''", 1064, "empty"},
		{"plugin", "CREATE AADUSER 'n' IDENTIFIED WITH x", 1064, "IDENTIFIED BY '<client id>'"},
		{"AS and IDENTIFIED BY", "CREATE AADUSER 'n' AS 'a' IDENTIFIED BY '" + idA + "'", 1064, "the alias signs in"},
		{"IDENTIFIED BY and AS", "CREATE AADUSER 'n' IDENTIFIED BY '" + idA + "' AS 'a'", 1064, "the alias signs in"},
		{"two users", "CREATE AADUSER 'n', 'm'", 1064, "one statement for each"},
		{"option", "CREATE AADUSER 'n' REQUIRE SSL", 1064, "ALTER USER"},
		{"comment option", "CREATE AADUSER 'n' COMMENT 'x'", 1064, "ALTER USER"},
		{"or replace", "CREATE OR REPLACE AADUSER 'n'", 1064, "DROP USER first"},
		{"alter", "ALTER AADUSER 'n'", 1064, "no ALTER AADUSER"},
		{"drop", "DROP AADUSER 'n'", 1064, "write DROP USER"},
		{"if exists", "CREATE AADUSER IF EXISTS 'n'", 1064, "NOT EXISTS"},
		{"too long", "CREATE AADUSER 'n" + strings.Repeat(" ", MaxStatement) + "'", 1064, "longer than 4096 bytes"},
		{"too long after the name", "CREATE AADUSER 'n'" + strings.Repeat(" ", MaxStatement) + "AS 'a'", 1064, "longer than 4096 bytes"},
		{"set global", "SET GLOBAL aad_auth_validate_oids_in_tenant = 0", 1228, "session variable"},
		{"set @@global", "SET @@global.aad_auth_validate_oids_in_tenant = 0", 1228, "session variable"},
		{"set wrong value", "SET aad_auth_validate_oids_in_tenant = 2", 1231, "'2'"},
		{"set nothing", "SET aad_auth_validate_oids_in_tenant", 1064, "="},
		{"set two", "SET aad_auth_validate_oids_in_tenant = 0, autocommit = 1", 1064, "one SET statement"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, ok, err := Parse(tt.sql, Options{})
			if !ok || err == nil {
				t.Fatalf("ok %v, err %v", ok, err)
			}
			if n, _ := numberOf(err); n != tt.number || midas.CodeOf(err) != midas.Invalid {
				t.Errorf("number %d, code %q", n, midas.CodeOf(err))
			}
			if text := err.Error() + " / " + midas.HintOf(err); !strings.Contains(text, tt.message) {
				t.Errorf("%q does not say %q", text, tt.message)
			}
			if strings.Contains(err.Error(), "Passw0rd") {
				t.Error("the error repeats what may be a password")
			}
		})
	}
}

func TestBind(t *testing.T) {
	st, _, _, err := Parse("CREATE AADUSER IF NOT EXISTS ?@? IDENTIFIED BY ?", Options{})
	if err != nil || st.Params() != 3 {
		t.Fatalf("%v, %v", st, err)
	}
	got, err := st.Bind([]string{"n'; DROP USER x", "HOST", strings.ToUpper(idB)})
	want := CreateUser{Name: "n'; DROP USER x", Host: "host", ID: idB, IfNotExists: true}
	if diff := cmp.Diff(Statement(want), got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	for _, args := range [][]string{nil, {"n", "h"}, {"", "h", idA}, {"n", "h", ""}, {"n", "h", "secret"}, {strings.Repeat("x", 33), "h", idA}} {
		if _, err := st.Bind(args); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("Bind(%q) = %v", args, err)
		}
	}
	aliased, _, _, _ := Parse("CREATE AADUSER ? AS ?", Options{})
	if _, err := aliased.Bind([]string{strings.Repeat("x", 33), "alias"}); err != nil {
		t.Errorf("a long name with an alias: %v", err)
	}
	if _, err := aliased.Bind([]string{"n", ""}); err == nil {
		t.Error("an empty alias was taken for none")
	}
	set, _, _, _ := Parse("SET aad_auth_validate_oids_in_tenant = ?", Options{})
	if got, err := set.Bind([]string{"0"}); err != nil || got.(SetValidate).On || got.Params() != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := set.Bind([]string{"maybe"}); err == nil {
		t.Error("maybe was taken")
	}
}

func TestOursAllocatesNothing(t *testing.T) {
	for _, sql := range []string{
		"SELECT c FROM sbtest1 WHERE id=?", "/* x */ CREATE AADUSER 'n'", "SET NAMES utf8mb4",
		"SET @@session.aad_auth_validate_oids_in_tenant = OFF", "/*" + strings.Repeat("x", MaxStatement) + "*/SELECT 1",
	} {
		text := []byte(sql)
		if n := testing.AllocsPerRun(100, func() { Ours(text) }); n != 0 {
			t.Errorf("Ours(%.40q): %v allocations", sql, n)
		}
	}
}

func BenchmarkOurs(b *testing.B) {
	for name, sql := range map[string]string{
		"select": "SELECT c FROM sbtest1 WHERE id=?", "set": "SET NAMES utf8mb4", "create": "CREATE TABLE t (a int)",
		"longest": "/*" + strings.Repeat("x", MaxStatement) + "*/SELECT 1",
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(sql)
			b.ReportAllocs()
			for b.Loop() {
				Ours(text)
			}
		})
	}
}

// Formatting a statement and parsing it again gives the same statement, in any SQL mode.
// No text that Ours refuses is one that Parse takes.
func FuzzParse(f *testing.F) {
	for _, sql := range []string{
		"CREATE AADUSER 'me@contoso.com'", "CREATE AADUSER IF NOT EXISTS `a``b`@'%' AS \"x\\\"y\"", "CREATE AADUSER ?@? IDENTIFIED BY ?",
		"CREATE AADUSER n IDENTIFIED BY '" + idA + "'; SELECT 1", "SET @@session.aad_auth_validate_oids_in_tenant = OFF;",
		"/*!80000 SET */ aad_auth_validate_oids_in_tenant := ?", "CREATE AADUSER 'a\\'b' -- x", "CREATE AADUSER 'ü'@`H` AS ?", "drop aaduser x",
	} {
		if _, _, ok, _ := Parse(sql, Options{}); !ok {
			f.Fatalf("seed %q is not ours: what grows from it proves nothing", sql)
		}
		f.Add(sql, false, false)
		f.Add(sql, true, true)
	}
	f.Fuzz(func(t *testing.T, sql string, noBackslash, ansi bool) {
		st, rest, ok, err := Parse(sql, Options{NoBackslashEscapes: noBackslash, AnsiQuotes: ansi})
		if ok && !Ours([]byte(sql)) {
			t.Fatal("Parse took what Ours refused")
		}
		if !ok && Ours([]byte(sql)) {
			t.Fatal("Ours took what Parse refused")
		}
		if (st == nil) != (!ok || err != nil) || !strings.HasSuffix(sql, rest) {
			t.Fatalf("st %v, rest %q, ok %v, err %v", st, rest, ok, err)
		}
		if st == nil {
			return
		}
		for _, opts := range []Options{{}, {NoBackslashEscapes: true}, {AnsiQuotes: true}, {NoBackslashEscapes: true, AnsiQuotes: true}} {
			again, rest, ok, err := Parse(st.String(), opts)
			if err != nil || !ok || rest != "" {
				t.Fatalf("%s: rest %q, ok %v, err %v", st, rest, ok, err)
			}
			if diff := cmp.Diff(st, again); diff != "" {
				t.Fatalf("%s (-first +again):\n%s", st, diff)
			}
		}
	})
}
