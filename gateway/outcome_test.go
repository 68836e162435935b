package gateway_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// broken are accounts that cannot be asked for.
type broken struct{ gateway.Accounts }

var errBroken = midas.Errorf(midas.Unavailable, "read the backend's accounts: broken").WithHint("mend it")

func (broken) Lookup(context.Context, string) ([]account.Account, error) { return nil, errBroken }
func (broken) Native(context.Context, string) ([]string, error)          { return nil, errBroken }

// keyless is a verifier whose issuer does not answer.
type keyless struct{}

func (keyless) Verify(context.Context, string) (midas.Principal, error) {
	return midas.Principal{}, midas.Errorf(midas.Unavailable, "the issuer's keys cannot be fetched")
}

// TestUndecidedSignInIsNotARefusal: it is the fault of midas or of the database, and
// counted apart. What the client learns does not change with that.
func TestUndecidedSignInIsNotARefusal(t *testing.T) {
	b := &deadBackend{testBackend: external(t, mysqltest.MariaDB(t))}
	w := newWorld(t, b)
	user, id := w.user("app")
	native := w.nativeAccount("native", "IDENTIFIED BY 'Own-secret-1'")
	token := w.token(id)
	restart := func() { w.stop(); w.startGateway() }
	check := func(what, name, secret string, number uint16, want midas.Outcome, change ...func(*mysql.Config)) {
		t.Helper()
		w.refused(w.open(name, secret, change...).Ping(), number)
		if got := w.lastSignIn(); got.Outcome != want || got.User != name || got.Reason == "" {
			t.Errorf("%s: audit record %+v, want outcome %s", what, got, want)
		}
	}
	noDatabase := func(c *mysql.Config) { c.DBName = "no_such_database" }
	check("a wrong password", native, "wrong", 1045, midas.Refused)
	check("a token that is none", user, "eyJ", 1045, midas.Refused)
	check("another's token", user, w.token(w.admin), 1045, midas.Refused)
	check("a name that is no AADUSER", "nobody", token, 1045, midas.Refused)
	check("no right to the database", user, token, 1044, midas.Refused, noDatabase)
	check("the same by password", native, "Own-secret-1", 1044, midas.Refused, noDatabase)

	b.dead.Store(true)
	check("the backend is down", user, token, 1429, midas.Undecided)
	check("the same by password", native, "Own-secret-1", 1429, midas.Undecided)
	check("the same for a stranger", "nobody", "x", 1429, midas.Undecided)
	b.dead.Store(false)

	w.wrapAccounts = func(a gateway.Accounts) gateway.Accounts { return broken{a} }
	w.log = &lines{}
	restart()
	check("accounts cannot be read", user, token, 1105, midas.Undecided)
	w.refused(w.open(user, token).Ping(), 1105, "broken; mend it")
	check("the same by password", native, "Own-secret-1", 1429, midas.Undecided)
	for _, line := range []string{"sign-in could not be decided", "passwords cannot be checked"} {
		if w.log.with(line) != 1 {
			t.Errorf("the log does not say once: %s", line)
		}
	}
	if n := w.log.with(`hint="mend it"`); n != 2 {
		t.Errorf("%d lines have the hint", n)
	}
	w.wrapAccounts = nil

	w.wrapVerifier = func(midas.Verifier) midas.Verifier { return keyless{} }
	restart()
	check("keys cannot be fetched", user, token, 1045, midas.Undecided)
	w.wrapVerifier = nil
	restart()
	w.must(w.open(user, token).Ping())
}

// TestDeadBackendFillsNoLog, whatever clients ask for it.
func TestDeadBackendFillsNoLog(t *testing.T) {
	b := &deadBackend{testBackend: external(t, mysqltest.MariaDB(t))}
	w := newWorld(t, b)
	log := &lines{}
	w.stop()
	w.log = log
	w.startGateway()
	user, id := w.user("app")
	token := w.token(id)
	b.dead.Store(true)
	failed := w.together(60, func(i int) *sql.DB {
		if i%2 == 0 {
			return w.open(user, token)
		}
		return w.open("nobody", "x")
	})
	if n := log.with("level=ERROR"); len(failed) != 60 || n < 1 || n > 3 {
		t.Errorf("%d sign-ins failed, %d lines say so", len(failed), n)
	}
}

// TestTurnsThatDoNotCome are not the client's fault either.
func TestTurnsThatDoNotCome(t *testing.T) {
	w, b := onSlowBackend(t)
	user, id := w.user("app")
	token := w.token(id)
	w.stop()
	w.signInTimeout, b.deaf = time.Second, true
	w.startGateway()
	open := b.shut()
	defer open()
	before := w.undecided()
	wait := w.inBackground(40, func(int) *sql.DB { return w.open(user, token, at("127.1.0.1")) })
	w.eventually("8 of 40 had no turn", func() bool { return w.undecided()-before == 8 })
	open()
	numbers := map[uint16]int{}
	for _, err := range wait() {
		var e *mysql.MySQLError
		if errors.As(err, &e) {
			numbers[e.Number]++
		}
	}
	if numbers[1040] != 8 || numbers[1429] != 32 || w.undecided()-before != 40 {
		t.Errorf("40 sign-ins ended with %v, %d undecided", numbers, w.undecided()-before)
	}
}

// undecided counts the sign-ins that were neither admitted nor refused.
func (w *world) undecided() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.signIns {
		if r.Outcome == midas.Undecided {
			n++
		}
	}
	return n
}

// slowAccounts wait for a backend that does not answer.
type slowAccounts struct{ gateway.Accounts }

func (slowAccounts) Lookup(ctx context.Context, _ string) ([]account.Account, error) {
	<-ctx.Done()
	return nil, midas.Errorf(midas.Unavailable, "read midas.aaduser: %w", ctx.Err())
}

// A backend that does not answer, since somebody has locked its tables, is what the client is
// told of, and not of others who sign in.
func TestSilentBackendIsNoCrowd(t *testing.T) {
	w := oneBackend(t)
	user, id := w.user("app")
	w.stop()
	w.signInTimeout = 300 * time.Millisecond
	w.wrapAccounts = func(a gateway.Accounts) gateway.Accounts { return slowAccounts{a} }
	w.startGateway()
	w.refused(w.open(user, w.token(id)).Ping(), 1105, "could not decide", "read midas.aaduser")
	if last := w.lastSignIn(); last.Outcome != midas.Undecided {
		t.Errorf("outcome %s", last.Outcome)
	}
}
