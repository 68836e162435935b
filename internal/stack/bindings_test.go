package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

var (
	older   = midas.Server{UniqueID: "aaaaaaaa-0000-4000-8000-000000000001", Name: "older"}
	younger = midas.Server{UniqueID: "bbbbbbbb-0000-4000-8000-000000000002", Name: "younger"}
)

func bindings(t *testing.T, cfg BindingsConfig) *Bindings {
	t.Helper()
	cfg.Servers = func(context.Context) ([]midas.Server, error) { return []midas.Server{older, younger}, nil }
	cfg.Options = func(context.Context, midas.Server) (backend.PrivateOptions, error) {
		return backend.PrivateOptions{}, nil
	}
	cfg.Password = func(id string) string { return "secret of " + id }
	b, err := NewBindings(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func bind(t *testing.T, b *Bindings, s midas.Server) Backend {
	t.Helper()
	one, err := b.Backend(t.Context(), s)
	if err != nil {
		t.Fatalf("%s: %v (%s)", s.Name, err, midas.HintOf(err))
	}
	return one
}

// storeOf opens the accounts of a server at its backend, as the next midas does.
func storeOf(t *testing.T, b *Bindings, s midas.Server, master masterKey, dir string, at Backend) *account.Store {
	t.Helper()
	now, former, err := master.serverKeys(dir, s.UniqueID)
	if err != nil {
		t.Fatal(err)
	}
	copies, err := account.OpenCopies(filepath.Join(dir, "accounts"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := account.New(t.Context(), account.StoreConfig{
		DB: at.DB(), Dialect: at.Dialect(), ServerID: s.UniqueID, Key: now, Copies: copies,
		Former: account.Former{Keys: former, TakesOver: true, Elsewhere: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Two servers have a database process each, and neither sees what is the other's.
func TestEachServerHasABackendOfItsOwn(t *testing.T) {
	if backend.Installed() == "" {
		mysqltest.Require(t, mysqltest.MariaDBServer)
	}
	state, master := t.TempDir(), masterKey(strings.Repeat("m", masterLength))
	b := bindings(t, BindingsConfig{Kind: PrivateBackends, State: state})
	one, other := bind(t, b, older), bind(t, b, younger)
	if bind(t, b, older) != one || one == other {
		t.Fatal("bound anew, or both to one")
	}
	for s, at := range map[*midas.Server]Backend{&older: one, &younger: other} {
		store := storeOf(t, b, *s, master, state, at)
		const id = "11111111-2222-3333-4444-555555555555"
		if _, err := store.EnsureAdministrator(t.Context(), "admin", id); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(t.Context(), account.CreateRequest{Name: "app_" + s.Name, ID: id, SkipValidation: true}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := at.DB().ExecContext(t.Context(), "CREATE DATABASE shop_"+s.Name); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	const seen = "SELECT (SELECT COUNT(*) FROM mysql.user WHERE User = 'app_older') + (SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop_older') + " +
		"(SELECT COUNT(*) FROM midas.aaduser WHERE user = 'app_older')"
	if err := other.DB().QueryRowContext(t.Context(), seen).Scan(&n); err != nil || n != 0 {
		t.Errorf("the younger server shows %d things of the older one: %v", n, err)
	}
	if err := b.Remove(younger); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(state, "backend", "*")); len(left) != 1 || filepath.Base(left[0]) != older.UniqueID {
		t.Errorf("left: %q", left)
	}
	if err := one.DB().QueryRowContext(t.Context(), seen).Scan(&n); err != nil || n != 3 {
		t.Errorf("the older server has %d of its 3 things: %v", n, err)
	}
}

// Who may create a server must not use up the machine: the next one is refused, and one that is
// there or is declared is not.
func TestServersAreNotWithoutNumber(t *testing.T) {
	b := bindings(t, BindingsConfig{
		Kind: PrivateBackends, Max: 2, State: t.TempDir(), External: map[string]ExternalBackend{"elsewhere": {URL: "mysql://db"}},
	})
	for name, want := range map[string]midas.Code{"third": midas.Conflict, "Younger": "", "elsewhere": ""} {
		err := b.Admit(t.Context(), "rg", name)
		if (err == nil) != (want == "") || err != nil && (midas.CodeOf(err) != want || !strings.Contains(midas.HintOf(err), "--max-servers")) {
			t.Errorf("%s: %v (%s)", name, err, midas.HintOf(err))
		}
	}
}

// Of servers that are made at once Admit lets all pass, and the oldest are left.
func TestServersMadeAtOnceAreNotWithoutNumber(t *testing.T) {
	b := bindings(t, BindingsConfig{Kind: PrivateBackends, Max: 1, State: t.TempDir()})
	if err := b.AdmitMade(t.Context(), older); err != nil {
		t.Errorf("the older: %v", err)
	}
	if err := b.AdmitMade(t.Context(), younger); midas.CodeOf(err) != midas.Conflict || !strings.Contains(midas.HintOf(err), "--max-servers") {
		t.Errorf("the younger: %v (%s)", err, midas.HintOf(err))
	}
}

// What a former midas had at one private server for all, the oldest server keeps, with its data;
// the other one begins with none. What comes of their accounts is tested in package account.
func TestBackendOfAFormerMidasIsDivided(t *testing.T) {
	for _, program := range []string{mysqltest.MariaDBServer, mysqltest.MySQLServer} {
		t.Run(program, func(t *testing.T) {
			path := t.TempDir() // the first one on PATH is taken
			if err := os.Symlink(mysqltest.Require(t, program), filepath.Join(path, "mysqld")); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", path+":"+os.Getenv("PATH"))
			state, master := t.TempDir(), masterKey(strings.Repeat("m", masterLength))
			shared, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: filepath.Join(state, "backend"), Password: "of a former midas"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shared.DB().ExecContext(t.Context(), "CREATE DATABASE shop"); err != nil {
				t.Fatal(err)
			}
			if err := shared.Close(); err != nil {
				t.Fatal(err)
			}

			b := bindings(t, BindingsConfig{Kind: PrivateBackends, State: state})
			kept, fresh := bind(t, b, older), bind(t, b, younger)
			for s, at := range map[*midas.Server]Backend{&older: kept, &younger: fresh} {
				const id = "11111111-2222-3333-4444-555555555555"
				if _, err := storeOf(t, b, *s, master, state, at).EnsureAdministrator(t.Context(), "admin", id); err != nil {
					t.Errorf("%s: %v", s.Name, err)
				}
			}
			const count = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'"
			for want, at := range []Backend{fresh, kept} {
				var n int
				if err := at.DB().QueryRowContext(t.Context(), count).Scan(&n); err != nil || n != want {
					t.Errorf("the data is there %d times, want %d: %v", n, want, err)
				}
			}
		})
	}
}

// A server gets a declared database, or none, and no two servers get the same.
func TestDeclaredBackends(t *testing.T) {
	one, other := mysqltest.MariaDB(t), mysqltest.MySQL97(t)
	url := func(s *mysqltest.Server) ExternalBackend { return ExternalBackend{"unix:" + s.Socket, s.Password} }
	b := bindings(t, BindingsConfig{Kind: NoBackends, State: t.TempDir(), External: map[string]ExternalBackend{"older": url(one), "younger": url(other)}})
	if bind(t, b, older).Dialect() != backend.MariaDB || bind(t, b, younger).Dialect() != backend.MySQL {
		t.Error("bound to the wrong ones")
	}
	tcp := ExternalBackend{"mysql://root@" + one.Addr + "?tls=disabled", one.Password}
	b = bindings(t, BindingsConfig{Kind: NoBackends, State: t.TempDir(), First: &tcp, External: map[string]ExternalBackend{"third": url(one)}})
	bind(t, b, older)
	for s, says := range map[string]string{"younger": "has no backend", "third": "have the same backend"} {
		_, err := b.Backend(t.Context(), midas.Server{UniqueID: "cccccccc-" + s, Name: s})
		if err == nil || !strings.Contains(err.Error(), says) || midas.HintOf(err) == "" {
			t.Errorf("%s: %v (%s)", s, err, midas.HintOf(err))
		}
	}
}
