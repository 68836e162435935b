package account

import (
	"strconv"
	"strings"
	"testing"
)

// A user who may write to schema midas can make rows that no midas can have written, or have the
// server refuse to read the table. Sweep checks the accounts all the same, and mends the rows.
func TestRowsThatCannotBeRead(t *testing.T) {
	ways := []struct {
		name  string
		spoil []string
		undo  string
	}{
		{"another number", []string{"UPDATE midas.aaduser SET `admin` = 2 WHERE `user` = '%u'"}, "DO 1"},
		{
			"text for a number",
			[]string{"ALTER TABLE midas.aaduser MODIFY `generation` VARCHAR(99)", "UPDATE midas.aaduser SET `generation` = 'x' WHERE `user` = '%u'"},
			"ALTER TABLE midas.aaduser MODIFY `generation` INT NOT NULL",
		},
		{
			"NULL",
			[]string{"ALTER TABLE midas.aaduser MODIFY `principal` VARCHAR(36)", "UPDATE midas.aaduser SET `principal` = NULL WHERE `user` = '%u'"},
			"ALTER TABLE midas.aaduser MODIFY `principal` VARCHAR(36) NOT NULL",
		},
		{
			"an error of the server",
			[]string{
				"ALTER TABLE midas.aaduser DROP COLUMN `seal`, ADD COLUMN n DOUBLE DEFAULT 999",
				"ALTER TABLE midas.aaduser ADD COLUMN `seal` VARCHAR(64) AS (EXP(n)) VIRTUAL",
			},
			"DROP TABLE midas.aaduser",
		},
	}
	onServers(t, func(t *testing.T, w *world) {
		for i, way := range ways {
			cfg := w.copied(w.copyDir())
			cfg.ServerID += strconv.Itoa(i)
			s := w.open(cfg)
			gone, changed := w.name("gone"+strconv.Itoa(i)), w.name("own"+strconv.Itoa(i))
			account, other := w.create(s, gone, idA), w.create(s, changed, idB)
			for _, statement := range way.spoil {
				w.exec(strings.ReplaceAll(statement, "%u", changed))
			}
			w.dir.depart(idA)
			w.exec("ALTER USER " + quoteAccount(changed, "%") + " IDENTIFIED BY 'Mine-0wn'")
			_ = s.Sweep(t.Context()) // it may say that the table cannot be mended
			if n := w.signIn(gone, w.secret(s, account)); n != w.lockedOut() {
				t.Errorf("%s: an account whose identity is gone gives %d", way.name, n)
			}
			if own, secret := w.signIn(changed, "Mine-0wn"), w.signIn(changed, w.secret(s, other)); own != denied || secret != 0 {
				t.Errorf("%s: its own password gives %d, the secret %d", way.name, own, secret)
			}
			w.dir.depart()
			w.exec(way.undo)
			w.sweep(s)
			if got := w.lookup(s, changed); len(got) != 1 || got[0].Mapping != other.Mapping {
				t.Errorf("%s: afterwards: %v", way.name, got)
			}
		}
	})
}
