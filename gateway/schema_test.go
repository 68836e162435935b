package gateway_test

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// keptSchema are statements that would lock everybody out.
var keptSchema = []string{
	"DROP DATABASE midas", "drop /* all */ schema if exists `midas`", "DROP DATABASE Midas", "/*!50000 DROP DATABASE midas */", "DROP TABLE midas.aaduser",
	"TRUNCATE TABLE midas.aaduser", "DELETE FROM midas.aaduser WHERE 1 = 1", "UPDATE midas . `aaduser` SET user = 'x'", "RENAME TABLE midas.aaduser TO midas.x",
	"SELECT 1; DROP DATABASE midas", "SET aad_auth_validate_oids_in_tenant = ON; DROP DATABASE midas",
}

// The administrator could drop the mappings of accounts to identities by mistake, or in a
// script that tidies up. It is told why not, and nothing of what it sent was run.
func TestMappingsAreKept(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		admin, err := w.open(w.name("admin"), w.token(w.admin), func(c *mysql.Config) { c.MultiStatements = true }).Conn(t.Context())
		w.must(err)
		app, err := w.open(user, w.token(id)).Conn(t.Context())
		w.must(err)
		defer admin.Close()
		defer app.Close()
		for _, statement := range keptSchema {
			_, err := admin.ExecContext(t.Context(), statement)
			w.refused(err, 1044, "which identity each account of this server is for", "DROP USER")
			if !strings.Contains(statement, ";") {
				if _, err = admin.PrepareContext(t.Context(), statement); err == nil {
					t.Errorf("%s can be prepared", statement)
				}
			}
			if _, err = app.ExecContext(t.Context(), statement); err == nil || strings.Contains(err.Error(), "which identity") {
				t.Errorf("%s, by somebody without the right to: %v", statement, err)
			}
		}
		other := "midas_" + w.suffix
		w.exec(admin, "CREATE DATABASE "+other, "CREATE TABLE "+other+".aaduser (t VARCHAR(100))", "INSERT INTO "+other+".aaduser VALUES ('; DROP DATABASE midas')",
			"DELETE FROM "+other+".aaduser WHERE t <> 'DELETE FROM midas.aaduser'", "DO 'DROP DATABASE midas'; DO 1", "DROP DATABASE "+other)
		w.must(w.open(user, w.token(id)).Ping())
	})
}

// A client that sends on without waiting gets its answers in order, with the refusal in
// its place.
func TestKeptSchemaInAPipeline(t *testing.T) {
	w := oneBackend(t)
	admin := w.signIn(w.name("admin"), w.token(w.admin))
	admin.query("DO 1")
	admin.query("DROP DATABASE midas")
	admin.query("DO 2")
	admin.wantOK()
	if e := admin.readERR(); e.Code != 1044 {
		t.Errorf("%v", e)
	}
	admin.wantOK()
}

// What no gateway saw is mended at the next sign-in, no matter whose: at a gateway
// that runs and at one that starts.
func TestLostMappingsComeBack_slow(t *testing.T) {
	losses := map[string]string{
		"the schema": "DROP DATABASE midas", "the table": "DROP TABLE midas.aaduser", "the rows": "DELETE FROM midas.aaduser WHERE mapping <> ''",
		"what they say": "UPDATE midas.aaduser SET principal = '00000000-0000-0000-0000-000000000000' WHERE mapping <> ''",
	}
	everyFresh(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		signIns := map[string]func() error{
			"user":          func() error { return w.open(user, w.token(id)).Ping() },
			"administrator": func() error { return w.open(w.name("admin"), w.token(w.admin)).Ping() },
		}
		for what, statement := range losses {
			for first := range signIns {
				for _, restarted := range []bool{false, true} {
					w.exec(w.backend.DB(), statement)
					if restarted {
						w.stop()
						w.startGateway()
					}
					for _, ping := range []func() error{signIns[first], signIns["user"], signIns["administrator"]} {
						if err := ping(); err != nil {
							t.Errorf("%s lost, %s first, restarted %v: %v", what, first, restarted, err)
						}
					}
				}
			}
		}
		w.exec(w.backend.DB(), "DROP DATABASE midas")
		w.user("more")
	})
}

// everyFresh is everyBackend with servers that no other test uses.
func everyFresh(t *testing.T, test func(t *testing.T, w *world)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			dialect := map[string]string{"MariaDB": "mariadb", "MySQL 9.7": "mysql"}[name]
			if dialect == "" {
				test(t, newWorld(t, open(t)))
				return
			}
			test(t, newWorld(t, external(t, mysqltest.Fresh(t, dialect))))
		})
	}
}

// Where an administrator's statement is not seen it succeeds, but for the embedded engine,
// which needs no gateway to refuse it. Then it is mended.
func TestMappingsDroppedUnseen(t *testing.T) {
	everyFresh(t, func(t *testing.T, w *world) {
		user, id := w.user("app")
		admin := w.asAdmin()
		w.exec(admin, "CREATE DATABASE shop")
		for _, statements := range [][]string{
			{"/* " + strings.Repeat("a", 2000) + " */ DROP DATABASE midas"},
			{"USE midas", "DROP TABLE aaduser", "USE shop"},
			{"CREATE PROCEDURE shop.p() DELETE FROM midas.aaduser WHERE mapping <> ''", "CALL shop.p()"},
		} {
			for _, statement := range statements {
				if _, err := admin.ExecContext(t.Context(), statement); err != nil && w.backend.Dialect() != account.DialectEmbedded {
					t.Errorf("%s: %v", statement, err)
				}
			}
			w.must(w.open(user, w.token(id)).Ping())
			w.must(w.open(w.name("admin"), w.token(w.admin)).Ping())
		}
	})
}
