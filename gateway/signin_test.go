package gateway_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

func TestSignInGrantAndRevoke(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		id := w.identity("app")
		user, schema := w.name("app"), w.name("shop")
		admin := w.asAdmin()
		w.exec(
			admin,
			"SET aad_auth_validate_oids_in_tenant = OFF;",
			fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s';", user, id.ClientID),
			"CREATE DATABASE "+schema,
			"CREATE TABLE "+schema+".orders (id INT PRIMARY KEY, item VARCHAR(20))",
			"INSERT INTO "+schema+".orders VALUES (1, 'a lamp')",
		)
		t.Cleanup(func() { w.backend.DB().Exec("DROP DATABASE " + schema) })

		read := func(user string) (who, item string, err error) {
			db := w.open(user, w.token(id))
			defer db.Close()
			if err := db.QueryRow("SELECT CURRENT_USER()").Scan(&who); err != nil {
				return "", "", err
			}
			err = db.QueryRow("SELECT item FROM "+schema+".orders WHERE id = ?", 1).Scan(&item)
			return who, item, err
		}
		if _, _, err := read(user); err == nil {
			t.Fatal("read without a grant")
		}
		w.exec(admin, fmt.Sprintf("GRANT SELECT ON %s.* TO '%s'@'%%'", schema, user))
		for _, name := range []string{user, user + "@mydb", user + "@mydb.mysql.database.azure.com", user + "@MYDB"} {
			who, item, err := read(name)
			if err != nil || item != "a lamp" || who != user+"@%" {
				t.Errorf("as %s: CURRENT_USER() %q, item %q, %v", name, who, item, err)
			}
		}
		w.exec(admin, fmt.Sprintf("REVOKE SELECT ON %s.* FROM '%s'@'%%'", schema, user))
		if _, _, err := read(user); err == nil {
			t.Error("read after REVOKE")
		}
		w.exec(admin, fmt.Sprintf("DROP USER '%s'@'%%'", user))
		_, _, err := read(user)
		w.refused(err, 1045, "there is no AADUSER")
	})
}

// TestAdministratorGrantsAll is what most administrators write, and a server takes it only
// from somebody who has all of it.
func TestAdministratorGrantsAll(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, schema, id := w.granted("owner")
		db := w.open(user, w.token(id), func(c *mysql.Config) { c.DBName = schema })
		w.exec(db, "CREATE TABLE t (a INT PRIMARY KEY)", "INSERT INTO t VALUES (1)", "DROP TABLE t")
	})
}

func TestManyStatementsAndPlaceholders(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		a, b := w.identity("app-a"), w.identity("app-b")
		multi := w.open(w.name("admin"), w.token(w.admin), func(c *mysql.Config) { c.MultiStatements = true })
		w.exec(multi, fmt.Sprintf("SET aad_auth_validate_oids_in_tenant = OFF; CREATE AADUSER '%s' IDENTIFIED BY '%s'; SELECT 1", w.name("a"), a.ClientID))
		// Terraform's provider and Azure Service Operator write placeholders.
		if _, err := w.asAdmin().ExecContext(t.Context(), "CREATE AADUSER ? IDENTIFIED BY ?", w.name("b"), b.ClientID); err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]midas.Identity{"a": a, "b": b} {
			if err := w.open(w.name(name), w.token(id)).Ping(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOnlyTheAdministratorCreatesUsers(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("plain")
		db := w.open(user, w.token(id))
		_, err := db.Exec(fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("evil"), id.ClientID))
		w.refused(err, 1227, "ENTRA ADMINISTRATOR")
		_, err = db.Exec("CREATE AADUSER ? IDENTIFIED BY ?", w.name("evil"), id.ClientID)
		w.refused(err, 1227)
		w.refused(w.open(w.name("evil"), w.token(id)).Ping(), 1045, "there is no AADUSER")
		if err := db.Ping(); err != nil {
			t.Errorf("the session after a refused statement: %v", err)
		}
	})
}

func TestAdministratorsNameIsNotEnough(t *testing.T) {
	w := oneBackend(t)
	stranger := w.identity("stranger")
	w.refused(w.open(w.name("admin"), w.token(stranger)).Ping(), 1045, "the token is for")
}

// Fact 12: IF NOT EXISTS keeps the id of before, as on Azure; here it says so.
func TestIfNotExistsKeepsTheID(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		other := w.identity("other")
		admin := w.asAdmin()
		w.exec(admin, fmt.Sprintf("CREATE AADUSER IF NOT EXISTS '%s' IDENTIFIED BY '%s'", user, other.ClientID))
		var level, message string
		var number int
		if err := admin.QueryRowContext(t.Context(), "SHOW WARNINGS").Scan(&level, &number, &message); err != nil {
			t.Fatal(err)
		}
		if number != 3163 || !strings.Contains(message, id.ClientID) || !strings.Contains(message, other.ClientID) {
			t.Errorf("%s %d: %s", level, number, message)
		}
		w.refused(w.open(user, w.token(other)).Ping(), 1045, "maps to client id "+id.ClientID)
		if err := w.open(user, w.token(id)).Ping(); err != nil {
			t.Error(err)
		}
	})
}

func TestValidationAgainstTheDirectory(t *testing.T) {
	w := oneBackend(t)
	admin := w.asAdmin()
	nobody := "00000000-1111-2222-3333-444444444444"
	create := fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("ghost"), nobody)
	_, err := admin.ExecContext(t.Context(), create)
	w.refused(err, 9102, nobody)
	w.exec(admin, "SET aad_auth_validate_oids_in_tenant = OFF", create)
	w.exec(admin, "SET aad_auth_validate_oids_in_tenant = ON")
	// By display name, without an id.
	id := w.identity("byname" + w.suffix)
	w.exec(admin, "CREATE AADUSER 'byname"+w.suffix+"'")
	if err := w.open("byname"+w.suffix, w.token(id)).Ping(); err != nil {
		t.Error(err)
	}
}

func TestUserWhoChangedTheSecretIsNotLockedOut(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		if _, err := w.backend.DB().Exec(fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY 'Something-else-1'", user)); err != nil {
			t.Fatal(err)
		}
		if err := w.open(user, w.token(id)).Ping(); err != nil {
			t.Error(err)
		}
	})
}

// TestManySignInsAfterTheSecretChanged: the one that mends it refuses none of the others. What it
// ends, because the changed password may have made it, can be one of them: its next try is let in.
func TestManySignInsAfterTheSecretChanged(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		raw := w.token(id)
		w.exec(w.backend.DB(), fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY 'Something-else-1'", user))
		var signIns sync.WaitGroup
		for range 20 {
			db := w.open(user, raw)
			signIns.Go(func() {
				err := db.Ping()
				if errors.Is(err, mysql.ErrInvalidConn) {
					err = db.Ping()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		signIns.Wait()
	})
}

// TestNativeAccountIsNeverTakenOver: an AADUSER was dropped, and somebody made a
// native account of the same name. A token must not open it.
func TestNativeAccountIsNeverTakenOver(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		for _, statement := range []string{
			fmt.Sprintf("DROP USER '%s'@'%%'", user),
			fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY 'Native-secret-1'", user),
		} {
			if _, err := w.backend.DB().Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { w.backend.DB().Exec(fmt.Sprintf("DROP USER '%s'@'%%'", user)) })
		w.refused(w.open(user, w.token(id)).Ping(), 1045)
	})
}

func TestAuditRecordsWhoAndWhy(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	if err := w.open(user, w.token(id)).Ping(); err != nil {
		t.Fatal(err)
	}
	got := w.lastSignIn()
	if got.Outcome != midas.Admitted || got.User != user || got.Account != user+"@%" || got.Server != "mydb" ||
		got.Principal.ObjectID != id.PrincipalID || got.Principal.TokenID == "" || !strings.HasPrefix(got.Remote, "127.0.0.1:") {
		t.Errorf("audit record %+v", got)
	}
	w.refused(w.open("nobody", w.token(id)).Ping(), 1045)
	if got := w.lastSignIn(); got.Outcome != midas.Refused || !strings.Contains(got.Reason, "there is no AADUSER") {
		t.Errorf("audit record of a refusal %+v", got)
	}
}

func TestShutdownTellsSessions(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	c := w.signIn(user, w.token(id))
	w.stop()
	if e := c.readERR(); e.Code != 1053 {
		t.Errorf("got %v", e)
	}
	if _, err := tls.Dial("tcp", w.addr, nil); err == nil {
		t.Error("still accepting")
	}
}

// TestWhichServer: with several servers the name that the client gives to TLS says which one, else
// the suffix of the user name; else nobody is signed in to a guess. A server that is called as
// the domain of a user's name gets none of those who verified another one.
func TestWhichServer(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	_, _, err := w.directory.PutServer(t.Context(), nil, tenantGroup, "other", directory.ServerChange{
		Change: directory.Change{Location: "eastus"},
		Admin:  &directory.Administrator{Administrator: w.server.Admin.Administrator},
	})
	w.must(err)
	sni := func(name string) func(*mysql.Config) {
		return func(c *mysql.Config) {
			c.TLS.ServerName = name
			c.TLS.InsecureSkipVerify = true // the certificate of this test names localhost alone
		}
	}
	for name, test := range map[string]struct {
		user, sni, server string
	}{
		"a suffix":                      {user + "@mydb", "localhost", "mydb"},
		"a suffix and the TLS name":     {user + "@mydb", "mydb", "mydb"},
		"a suffix against the TLS name": {user + "@other", "mydb", ""},
		"the suffix of an older server": {user + "@mydb", "other", "mydb"},
		"against a full TLS name":       {user + "@mydb", "other.mysql.database.azure.com", ""},
		"the short TLS name":            {user, "mydb", "mydb"},
		"the full TLS name":             {user, "MYDB.mysql.database.azure.com", "mydb"},
		"another server":                {user, "other", ""},
		"no name at all":                {user, "localhost", ""},
		"a misspelt suffix":             {user + "@mybd", "localhost", ""},
		"a misspelt suffix, and TLS":    {user + "@mybd", "mydb", ""},
		"a domain":                      {user + "@contoso.com", "mydb", ""},
	} {
		err := w.open(test.user, w.token(id), sni(test.sni)).Ping()
		switch {
		case test.server != "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.server != "" && w.lastSignIn().Server != test.server:
			t.Errorf("%s: signed in to %q", name, w.lastSignIn().Server)
		case name == "another server":
			w.refused(err, 1045, "there is no AADUSER", "on server 'other'")
		case name == "a misspelt suffix":
			w.refused(err, 1045, "there is no server 'mybd'; here: mydb, other")
		case name == "a misspelt suffix, and TLS":
			w.refused(err, 1045, "there is no server 'mybd'; here: mydb, other", "server 'mydb' has no AADUSER")
		case name == "a domain":
			w.refused(err, 1045, "there is no AADUSER '"+user+"@contoso.com' on server 'mydb'")
		case name == "a suffix against the TLS name":
			w.refused(err, 1045, "there is no AADUSER '"+user+"@other' on server 'mydb'")
		case name == "against a full TLS name":
			w.refused(err, 1045, "there is no AADUSER '"+user+"@mydb' on server 'other'")
		case test.server == "":
			w.refused(err, 1045, "2 servers are behind this address", "sign in as '"+user+"@mydb'")
		}
	}
}
