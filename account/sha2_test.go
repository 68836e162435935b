package account

import (
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// What the server keeps for a password is what passwordIs takes it for.
func TestPasswordIs(t *testing.T) {
	w := newWorld(t, mysqltest.MySQL97(t))
	user := w.name("app")
	w.exec("CREATE USER " + quoteAccount(user, "%"))
	passwords := []string{"a", strings.Repeat("0123456789", 10), "pässwörd \"`\\"}
	for n := 30; n < 68; n += 3 { // the blocks of SHA-256 end in between
		passwords = append(passwords, strings.Repeat("x", n))
	}
	passwords = append(passwords, w.config("first").Key.Secret("server", user, "%", 1))
	var last string
	for _, password := range passwords {
		w.exec("ALTER USER " + quoteAccount(user, "%") + " IDENTIFIED WITH caching_sha2_password BY '" + strings.ReplaceAll(password, `\`, `\\`) + "'")
		stored := w.query("SELECT authentication_string FROM mysql.user WHERE User = ?", user)[0]
		if !passwordIs(stored, password) {
			t.Errorf("%q is not known again in %q", password, stored)
		}
		for what, is := range map[string]bool{
			"another password": passwordIs(stored, password+" "),
			"another's hash":   passwordIs(last, password),
			"another salt":     passwordIs(stored[:8]+string(stored[8]^1)+stored[9:], password),
			"a cut hash":       passwordIs(stored[:len(stored)-1], password),
		} {
			if is {
				t.Errorf("%s of %q is taken for it", what, password)
			}
		}
		last = stored
	}
	digits := strings.Repeat("s", sha2Salt+sha2Digest)
	for _, stored := range []string{"", "$A$", "*" + digits, "$A$000$" + digits, "$A$FFF$" + digits, "$A$x05$" + digits, "$A$005#" + digits, "$A$-01$" + digits} {
		if passwordIs(stored, "") {
			t.Errorf("%q", stored)
		}
	}
}

// Work that others may cause is bounded.
func BenchmarkPasswordIs(b *testing.B) {
	stored := "$A$00A$" + strings.Repeat("s", sha2Salt+sha2Digest)
	for b.Loop() {
		passwordIs(stored, "a password that somebody has chosen for an account")
	}
}
