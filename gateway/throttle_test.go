package gateway_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
	"github.com/midas-mysql/midas/internal/wire"
)

// lines is a log that counts.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) with(words string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// underAttack is a world with a native account, whose backend counts connections.
func underAttack(t *testing.T) (w *world, b *slowBackend, log *lines, native string) {
	b, log = &slowBackend{testBackend: external(t, mysqltest.MariaDB(t))}, &lines{}
	w = newWorld(t, b)
	w.stop()
	now := time.Now() // and no allowance grows, however slow the machine
	w.frozen.Store(&now)
	w.wrapListener, w.signInTimeout, w.log = wrapElsewhere, time.Minute, log
	w.startGateway()
	return w, b, log, w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
}

const right = "Own-secret-1"

// guess tries n wrong passwords at once from an address, and checks that all are refused
// alike. It returns how often the backend was asked.
func (w *world) guess(b *slowBackend, n int, ip string, name func(i int) string) (asked int) {
	w.Helper()
	before, began := b.dials(), time.Now()
	for _, err := range w.together(n, func(i int) *sql.DB { return w.open(name(i), fmt.Sprintf("wrong-%d", i), at(ip)) }) {
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 1045 || !strings.HasSuffix(e.Message, "(using password: YES)") {
			w.Errorf("a guess from %s: %v", ip, err)
		}
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		w.Errorf("refused in %v", took)
	}
	return b.dials() - before
}

func always(name string) func(int) string { return func(int) string { return name } }

// TestGuessesAreThrottled: few reach the backend, and fewer the log, however they come.
func TestGuessesAreThrottled(t *testing.T) {
	w, b, log, native := underAttack(t)
	if asked := w.guess(b, 200, "127.1.0.1", always(native)); asked < 5 || asked > 30 {
		t.Errorf("200 guesses at once: the backend was asked %d times", asked)
	}
	if asked := w.guess(b, 100, "127.1.0.1", always(native+"@mydb")); asked > 0 {
		t.Errorf("by another spelling: the backend was asked %d times", asked)
	}
	lines := log.with("")
	began := time.Now()
	w.plainRefusalFrom(w.open(native, right, at("127.1.0.1")).Ping(), native, "10.1.0.1")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("an unchecked password was refused in %v", took)
	}
	if more := log.with("") - lines; more != 0 {
		t.Errorf("an unchecked password wrote %d lines", more)
	}
	if n := log.with("passwords are refused unchecked"); n != 1 {
		t.Errorf("%d lines say that passwords are not checked", n)
	}
	if got := w.lastSignIn(); got.Outcome != midas.Refused || got.User != native || !strings.Contains(got.Reason, "unchecked") {
		t.Errorf("audit record %+v", got)
	}
	// It passes.
	w.ahead.Store(int64(10 * time.Minute))
	w.must(w.open(native, right, at("127.1.0.1")).Ping())
}

func (w *world) plainRefusalFrom(err error, user, from string) {
	w.Helper()
	w.refused(err, 1045, "Access denied for user '"+user+"'@'"+from+"' (using password: YES)")
}

// TestGuessersLockNobodyOut: neither the owner of an account from elsewhere, new there or
// not, nor tokens from their own address.
func TestGuessersLockNobodyOut(t *testing.T) {
	w, b, _, native := underAttack(t)
	user, id := w.user("app")
	token := w.token(id)
	w.must(w.open(native, right, at("127.1.0.1")).Ping()) // known here
	for i := range 15 {                                   // until the account's allowance is used up, too
		w.guess(b, 40, fmt.Sprintf("127.2.0.%d", i+1), always(native))
	}
	for _, owner := range []string{"127.1.0.1", "127.1.0.2", "127.1.0.3"} {
		w.must(w.open(native, right, at(owner)).Ping())
	}
	w.must(w.open(user, token, at("127.2.0.1")).Ping())
	// Guessers at many addresses have one guess each now.
	if first, second := w.guess(b, 1, "127.2.1.1", always(native)), w.guess(b, 1, "127.2.1.1", always(native)); first != 1 || second != 0 {
		t.Errorf("a further guesser: the backend was asked %d times, and %d times again", first, second)
	}
}

// TestNamesAreNotTriedOneByOne: one password for many names.
func TestNamesAreNotTriedOneByOne(t *testing.T) {
	w, b, log, native := underAttack(t)
	w.must(w.open(native, right, at("127.1.0.1")).Ping())
	if asked := w.guess(b, 300, "127.1.0.1", func(i int) string { return fmt.Sprintf("name%d", i) }); asked < 20 || asked > 50 {
		t.Errorf("300 names: the backend was asked %d times", asked)
	}
	if n := log.with("level=WARN") + log.with("level=ERROR") + log.with("level=INFO"); n > 5 {
		t.Errorf("%d lines in the log", n)
	}
	w.must(w.open(native, right, at("127.1.0.1")).Ping()) // the owner was known here
}

// TestGuessesByChangeOfUser: a client that is signed in guesses no faster.
func TestGuessesByChangeOfUser(t *testing.T) {
	w, b, _, native := underAttack(t)
	user, id := w.user("app")
	token := w.token(id)
	wrong := 0
	for range 30 { // this machine has an allowance of 20
		c := w.signIn(user, token)
		before := b.dials()
		c.changeUser(native, wire.PluginNative, "wrong")
		if e := c.readERR(); e.Code != 1045 {
			t.Error(e)
		}
		wrong += b.dials() - before
	}
	if wrong != 20 {
		t.Errorf("the backend was asked %d times", wrong)
	}
}

// TestRightPasswordsAreNotThrottled, however many come at once or fail for another reason.
func TestRightPasswordsAreNotThrottled(t *testing.T) {
	w, _, _, native := underAttack(t)
	for range 15 {
		w.allIn("at once", w.together(8, func(int) *sql.DB { return w.open(native, right, at("127.1.0.1")) }))
	}
	for range 40 {
		err := w.open(native, right, at("127.1.0.2"), func(c *mysql.Config) { c.DBName = "no_such_database" }).Ping()
		w.refused(err, 1044)
	}
	w.must(w.open(native, right, at("127.1.0.2")).Ping())
}
