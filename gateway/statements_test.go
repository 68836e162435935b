package gateway_test

import (
	"fmt"
	"testing"

	"github.com/midas-mysql/midas/internal/wire"
)

// TestPreparedAndResets: statements of ours that are prepared live and end with the
// session as others do.
func TestPreparedAndResets(t *testing.T) {
	w := oneBackend(t)
	admin := w.signIn(w.name("admin"), w.token(w.admin))
	nobody := "00000000-1111-2222-3333-444444444444"
	prepare := func(sql string) uint32 {
		t.Helper()
		admin.command(append([]byte{byte(wire.ComStmtPrepare)}, sql...))
		ok := admin.read()
		if wire.IsERR(ok) {
			e, _ := wire.ParseERR(ok)
			t.Fatal(e)
		}
		id, parameters := uint32(ok[1])|uint32(ok[2])<<8|uint32(ok[3])<<16|uint32(ok[4])<<24, int(ok[7])
		for range parameters {
			admin.read()
		}
		if parameters > 0 {
			admin.read() // EOF
		}
		return id
	}
	execute := func(id uint32) {
		t.Helper()
		admin.command([]byte{byte(wire.ComStmtExecute), byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24), 0, 1, 0, 0, 0})
	}
	off := prepare("SET aad_auth_validate_oids_in_tenant = OFF")
	create := prepare(fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("prepared"), nobody))
	execute(create)
	if e := admin.readERR(); e.Code != 9102 {
		t.Errorf("with validation on: %v", e)
	}
	execute(off)
	admin.wantOK()
	execute(create)
	admin.wantOK()
	// COM_RESET_CONNECTION turns validation on again and forgets what was prepared.
	admin.command([]byte{byte(wire.ComResetConnection)})
	admin.wantOK()
	execute(create)
	if e := admin.readERR(); e.Code != 1243 {
		t.Errorf("a statement from before the reset: %v", e)
	}
	admin.query(fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("again"), nobody))
	if e := admin.readERR(); e.Code != 9102 {
		t.Errorf("after the reset: %v", e)
	}
}

// TestManyStatementsNeedTheFlag: as on a server, a client that did not say so cannot
// send several statements in one; PHP says so with COM_SET_OPTION.
func TestManyStatementsNeedTheFlag(t *testing.T) {
	w := oneBackend(t)
	admin := w.signIn(w.name("admin"), w.token(w.admin))
	both := fmt.Sprintf("SET aad_auth_validate_oids_in_tenant = OFF; CREATE AADUSER '%s' IDENTIFIED BY '%s'", w.name("both"), w.admin.ClientID)
	admin.query(both)
	if e := admin.readERR(); e.Code != 1064 {
		t.Errorf("got %v", e)
	}
	admin.command([]byte{byte(wire.ComSetOption), 0, 0})
	if got := admin.read(); !wire.IsEOF(got) && !wire.IsOK(got) {
		t.Fatalf("COM_SET_OPTION: %x", got)
	}
	admin.query(both)
	admin.wantOK()
	admin.wantOK()
	if err := w.open(w.name("both"), w.token(w.admin)).Ping(); err != nil {
		t.Error(err)
	}
}

// TestPreparedLastIsNotOurs: a statement too long to be looked at is the one prepared
// last, too.
func TestPreparedLastIsNotOurs(t *testing.T) {
	w := oneBackend(t)
	admin := w.signIn(w.name("admin"), w.token(w.admin))
	admin.command(append([]byte{byte(wire.ComStmtPrepare)}, "CREATE AADUSER '"+w.name("last")+"' IDENTIFIED BY '"+w.admin.ClientID+"'"...))
	admin.read()
	admin.command(append([]byte{byte(wire.ComStmtPrepare)}, fmt.Sprintf("SELECT '%70000s'", "x")...))
	for range 3 {
		admin.read()
	}
	admin.command([]byte{byte(wire.ComStmtExecute), 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0})
	admin.read()
	w.refused(w.open(w.name("last"), w.token(w.admin)).Ping(), 1045, "there is no AADUSER")
}

// TestStatementsThatReadInTwoWays: a client that quotes somebody's name rightly for its
// session must not be read otherwise here, where sql_mode and character set are not known.
func TestStatementsThatReadInTwoWays(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world) {
		good, evil := w.identity("good"), w.identity("evil")
		create := func(name, rest string) string {
			return "CREATE AADUSER '" + name + rest + "' IDENTIFIED BY '" + good.ClientID + "'"
		}
		admin := w.asAdmin()
		for name, statement := range map[string]string{
			"NO_BACKSLASH_ESCAPES": create(w.name("boss"), `\'' IDENTIFIED BY "`+evil.ClientID+`" -- `),
			"gbk":                  create(w.name("boss"), "\xe4\xbd\xa0\x5c\\' IDENTIFIED BY \""+evil.ClientID+"\" -- "),
			"latin1":               create(w.name("caf\xe9"), ""),
			"gbk and a backquote":  "CREATE AADUSER `" + w.name("boss") + "\xe4\xb8\xad` IDENTIFIED BY '" + evil.ClientID + "' -- `",
			"a plain backslash":    create(w.name("domain")+`\boss`, ""),
		} {
			_, err := admin.ExecContext(t.Context(), statement)
			w.refused(err, 1064)
			if err := w.open(w.name("boss"), w.token(evil)).Ping(); err == nil {
				t.Errorf("%s: evil signs in", name)
			}
		}
		// Where nothing depends on it, nothing is refused.
		w.exec(admin, `/* \ */ `+create(w.name("café"), "")+` -- \`)
		w.must(w.open(w.name("café"), w.token(good)).Ping())
	})
}

// TestLastThatWasNotPrepared: a client that executes "the statement prepared last", which was ours and
// was refused or is closed, must not execute the one before.
func TestLastThatWasNotPrepared(t *testing.T) {
	w := oneBackend(t)
	user, schema, id := w.granted("app")
	c := w.signIn(user, w.token(id))
	c.query("CREATE TABLE " + schema + ".t (n INT)")
	c.wantOK()
	prepare := func(sql string) { c.command(append([]byte{byte(wire.ComStmtPrepare)}, sql...)) }
	last := []byte{0xff, 0xff, 0xff, 0xff}
	refused := func(what string, command wire.Command, rest ...byte) {
		t.Helper()
		c.command(append(append([]byte{byte(command)}, last...), rest...))
		if e := c.readERR(); e.Code != 1243 {
			t.Errorf("%s: %v", what, e)
		}
	}
	prepare("INSERT INTO " + schema + ".t VALUES (1)")
	c.wantOK()
	prepare("CREATE AADUSER")
	c.readERR()
	refused("never prepared", wire.ComStmtExecute, 0, 1, 0, 0, 0)
	refused("never prepared, in bulk", wire.ComStmtBulkExecute, 0, 0)
	prepare("SET aad_auth_validate_oids_in_tenant = OFF")
	ok := c.read()
	c.command(append([]byte{byte(wire.ComStmtClose)}, ok[1:5]...))
	refused("closed", wire.ComStmtExecute, 0, 1, 0, 0, 0)
	prepare("SELECT no_such_column")
	c.readERR()
	refused("the backend's own", wire.ComStmtExecute, 0, 1, 0, 0, 0)
	if n := c.value("SELECT COUNT(*) FROM " + schema + ".t"); n != "0" {
		t.Errorf("%s rows were inserted", n)
	}
}

// TestQuotesOfAnotherMode: what the session's sql_mode was at sign-in says nothing of now.
func TestQuotesOfAnotherMode(t *testing.T) {
	w, s := fresh(t, "mariadb", nil)
	w.exec(s.DB(), "SET GLOBAL sql_mode = 'ANSI_QUOTES'")
	id := w.identity("evil")
	admin := w.asAdmin()
	w.exec(admin, "SET SESSION sql_mode = ''")
	_, err := admin.ExecContext(t.Context(), fmt.Sprintf(`CREATE AADUSER "%s\" IDENTIFIED BY '%s' -- "`, w.name("x"), id.ClientID))
	w.refused(err, 1064, "backslash")
	w.exec(admin, fmt.Sprintf(`CREATE AADUSER "%s" IDENTIFIED BY "%s"`, w.name("x"), id.ClientID))
}
