package main

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestDemoLeavesNothingBehind: somebody may try it on a server that matters, with a user
// of that server that has no more privileges than midas needs.
func TestDemoLeavesNothingBehind(t *testing.T) {
	for name, server := range map[string]func(testing.TB) *mysqltest.Server{"MariaDB": mysqltest.MariaDB, "MySQL 9.7": mysqltest.MySQL97} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			for _, statement := range []string{
				"CREATE USER modest IDENTIFIED BY 'Modest-1'",
				"GRANT " + strings.Join(account.AdministratorPrivileges(), ", ") + " ON *.* TO modest WITH GRANT OPTION",
			} {
				if _, err := s.DB().Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			before := whatIsThere(t, s.DB())
			var out, errs bytes.Buffer
			if code := (program{[]string{"demo", "--backend", "mysql://modest:Modest-1@" + s.Addr}, strings.NewReader(""), &out, &errs}).Run(t.Context()); code != 0 {
				t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
			}
			if diff := cmp.Diff(before, whatIsThere(t, s.DB())); diff != "" {
				t.Errorf("the demo changed the server:\n%s", diff)
			}
		})
	}
}

// whatIsThere lists accounts and schemas.
func whatIsThere(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.Query("SELECT CONCAT(User, '@', Host) FROM mysql.user UNION SELECT schema_name FROM information_schema.schemata ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%d accounts and schemas, %v", len(all), err)
	}
	return all
}

func TestDemoFits80Columns(t *testing.T) {
	var out, errs bytes.Buffer
	if code := (program{[]string{"demo", "--backend", "auto"}, strings.NewReader(""), &out, &errs}).Run(t.Context()); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
