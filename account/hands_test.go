package account

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// hand is one of many that change accounts at once: a gateway, or somebody with a
// client who knows nothing of gateways.
type hand struct {
	w     *world
	store *Store
	names []string
	dice  *rand.Rand
}

// act does something to some account. Most of it fails, since others were faster.
func (h hand) act(ctx context.Context) {
	name, other := h.names[h.dice.IntN(len(h.names))], h.names[h.dice.IntN(len(h.names))]
	native := func(statement string) { _, _ = h.w.root.ExecContext(ctx, statement) }
	switch h.dice.IntN(6) {
	case 0, 1:
		_, _ = h.store.Create(ctx, CreateRequest{Name: name, ID: idA, SkipValidation: true}, h.dice.IntN(2) == 0)
	case 2:
		native("DROP USER " + quoteAccount(name, "%"))
	case 3:
		native("RENAME USER " + quoteAccount(name, "%") + " TO " + quoteAccount(other, "%"))
	case 4:
		native("CREATE USER " + quoteAccount(name, "%") + " IDENTIFIED BY 'Its-0wn'")
	case 5:
		accounts, err := h.store.found(ctx, name)
		if err != nil {
			h.w.t.Errorf("Lookup: %v", err)
		}
		for _, a := range accounts {
			_, _ = h.store.Reassert(ctx, a)
		}
	}
}

// After concurrent creates, drops and renames each account with a marker has its row under
// its own name, and each row its account, or a locked one in its place. Administrators are left out: their rows follow
// no RENAME USER.
func TestConcurrentChangesAgree(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		names := []string{w.name("a"), w.name("b"), w.name("c")}
		var all sync.WaitGroup
		for i := range 4 {
			cfg := w.config("first")
			cfg.DB = w.pool("")
			seed := rand.Uint64()
			t.Logf("hand %d has seed %d", i, seed)
			h := hand{w, w.open(cfg), names, rand.New(rand.NewPCG(seed, 0))}
			all.Go(func() {
				for range 60 {
					w.advance(time.Second)
					h.act(t.Context())
				}
			})
		}
		all.Wait()
		w.advance(time.Minute)
		s := w.open(w.config("first"))
		for _, name := range names {
			w.lookup(s, name)
		}
		marker := map[string]string{
			"mysql": "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.midas'))", "mariadb": "JSON_VALUE(Priv, '$.midas')",
		}[w.server.Dialect]
		table := map[string]string{"mysql": "mysql.user", "mariadb": "mysql.global_priv"}[w.server.Dialect]
		locked := map[string]string{"mysql": "account_locked = 'Y'", "mariadb": "JSON_VALUE(Priv, '$.account_locked') = '1'"}[w.server.Dialect]
		marked := w.query("SELECT CONCAT(User, ' ', " + marker + ") FROM " + table +
			" WHERE User LIKE '%" + w.tag + "' AND " + marker + " IS NOT NULL")
		// A row whose account was dropped and made again by hand keeps that one locked.
		rows := w.query("SELECT CONCAT(r.user, ' ', r.mapping) FROM midas.aaduser r WHERE server LIKE '%" + w.tag + "%' " +
			"AND NOT EXISTS (SELECT 1 FROM " + table + " u WHERE u.User = r.user AND u.Host = r.host AND " + marker + " IS NULL AND " + locked + ")")
		slices.Sort(marked)
		slices.Sort(rows)
		if !slices.Equal(marked, rows) {
			t.Errorf("accounts: %v\nrows: %v", marked, rows)
		}
	})
}
