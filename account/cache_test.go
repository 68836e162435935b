package account

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestCacheRemembersForItsTime(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.config("first")
		cfg.CacheTTL = 10 * time.Second
		s, other, user := w.open(cfg), w.store(), w.name("app")
		if got := w.lookup(s, user); len(got) != 0 {
			t.Fatal(got)
		}
		account := w.create(other, user, idA)
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 0}, {10*time.Second - 1, 0}, {1, 1}} { // that there is none is remembered too
			w.advance(step.after)
			if got := w.lookup(s, user); len(got) != step.want {
				t.Errorf("%v later: %v", step.after, got)
			}
		}
		w.exec("DROP USER " + quoteAccount(user, "%"))
		w.advance(10*time.Second - 1)
		got := w.lookup(s, user)
		if len(got) != 1 || got[0] != account {
			t.Errorf("within the time: %v", got)
		}
		got[0].ID = idB // what is handed out is the caller's own
		if again := w.lookup(s, user); again[0] != account {
			t.Errorf("the cache was changed from outside: %v", again)
		}
		s.Forget(user)
		if got := w.lookup(s, user); len(got) != 0 {
			t.Errorf("after Forget: %v", got)
		}
	})
}

// A gateway that made an account knows it at once, though it had just looked.
func TestCreateForgets(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, user := w.store(), w.name("app")
		w.lookup(s, user)
		w.create(s, user, idA)
		if got := w.lookup(s, user); len(got) != 1 {
			t.Errorf("after Create: %v", got)
		}
		login := w.name("admin")
		w.lookup(s, login)
		w.admin(s, login, idA)
		if got := w.lookup(s, login); len(got) != 1 {
			t.Errorf("after EnsureAdministrator: %v", got)
		}
		w.admin(s, w.name("next"), idA)
		if got := w.lookup(s, login); len(got) != 0 {
			t.Errorf("after another administrator: %v", got)
		}
	})
}

// An answer that was asked for before a Forget tells of the time before.
func TestCacheEpoch(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(time.Second, func() time.Time { return now })
	_, epoch, _ := c.get("u")
	c.forget("u")
	c.put("u", []Account{{User: "u"}}, epoch)
	if got, _, ok := c.get("u"); ok {
		t.Errorf("kept %v", got)
	}
	_, epoch, _ = c.get("u")
	c.put("u", nil, epoch)
	if got, _, ok := c.get("u"); !ok || got != nil {
		t.Errorf("%v, %v", got, ok)
	}

	// The same rule for the administrator.
	var e ensured
	_, epoch, _ = e.get("a", idA, now)
	e.forget()
	e.put("a", idA, Account{User: "a"}, now.Add(time.Second), epoch)
	if _, _, ok := e.get("a", idA, now); ok {
		t.Error("the administrator was kept")
	}
}

func TestCacheCopies(t *testing.T) {
	c := newCache(time.Second, func() time.Time { return time.Unix(0, 0) })
	in := []Account{{User: "u"}}
	c.put("u", in, 0)
	in[0].User = "changed"
	out, _, _ := c.get("u")
	out[0].User = "changed"
	if got, _, _ := c.get("u"); !slices.Equal(got, []Account{{User: "u"}}) {
		t.Errorf("%v", got)
	}
}

// Names come from clients: there is an end to what they can fill.
func TestCacheIsBounded(t *testing.T) {
	c := newCache(time.Hour, func() time.Time { return time.Unix(0, 0) })
	for i := range 3 * cacheSize {
		c.put(fmt.Sprint(i), nil, 0)
	}
	if n := c.entries.Len(); n != cacheSize {
		t.Errorf("%d names are remembered", n)
	}
}
