package directory

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
)

func newServer(t *testing.T, d *Directory, group, name string) Server {
	t.Helper()
	s, _, err := d.PutServer(t.Context(), nil, group, name, ServerChange{Change: Change{Location: "eastus"}})
	must(t)(err)
	return s
}

// A server's own id outlives every change of it and is never given again.
func TestServerUniqueID(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	first := newServer(t, d, "rg", "mydb")
	if uuid.Validate(first.UniqueID) != nil || first.Server().UniqueID != first.UniqueID {
		t.Fatalf("id %q", first.UniqueID)
	}
	again := newServer(t, d, "rg", "mydb")
	patched, err := d.PatchServer(ctx, nil, "rg", "mydb", ServerChange{Change: Change{Tags: map[string]string{"a": "b"}}})
	must(t)(err)
	must(t)(ignore(d.SetAdministrator(ctx, nil, "rg", "mydb", admin("boss", sid))))
	found, err := d.Server(ctx, "mydb")
	must(t)(err)
	for what, id := range map[string]string{"put": again.UniqueID, "patched": patched.UniqueID, "found": found.UniqueID} {
		if id != first.UniqueID {
			t.Errorf("%s: %q, was %q", what, id, first.UniqueID)
		}
	}
	must(t)(second(d.DeleteServer(ctx, nil, "rg", "mydb")))
	if next := newServer(t, d, "rg", "mydb"); next.UniqueID == first.UniqueID || next.ID != first.ID {
		t.Errorf("made again: %+v, was %+v", next, first)
	}
}

func TestDepartedServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	d, ctx := open(t, path), t.Context()
	for _, name := range []string{"rg", "other"} {
		must(t)(ignore(d.PutGroup(ctx, nil, name, "eastus", nil)))
	}
	alone, kept := newServer(t, d, "other", "alone"), newServer(t, d, "other", "kept")
	one, two := newServer(t, d, "rg", "one"), newServer(t, d, "rg", "two")
	must(t)(second(d.DeleteServer(ctx, nil, "other", "alone")))
	must(t)(second(d.DeleteGroup(ctx, nil, "rg")))
	must(t)(d.Close())

	d = open(t, path) // also when the program ended meanwhile
	got, err := d.DepartedServers(ctx)
	must(t)(err)
	want := []DepartedServer{{alone.UniqueID, "alone", false}, {one.UniqueID, "one", false}, {two.UniqueID, "two", false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, s := range []string{alone.UniqueID, one.UniqueID, one.UniqueID, kept.UniqueID} {
		must(t)(d.ForgetServer(ctx, s))
	}
	if got, err = d.DepartedServers(ctx); err != nil || len(got) != 1 || got[0].Name != "two" {
		t.Errorf("got %v, %v", got, err)
	}
	if s, err := d.Server(ctx, "kept"); err != nil || s.UniqueID != kept.UniqueID {
		t.Errorf("got %v, %v", s, err)
	}
}

// A directory of the first schema keeps its servers, known by what they were known by.
func TestMigrationKeepsServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	db, err := sql.Open("sqlite", dsn(path, ""))
	must(t)(err)
	begin, err := migrations.ReadFile("migrations/0001_begin.sql")
	must(t)(err)
	const subscription = "11111111-2222-3333-4444-555555555555"
	for _, statement := range []string{
		string(begin), `PRAGMA user_version = 1`,
		`INSERT INTO setting VALUES ('subscription', '` + subscription + `')`,
		`INSERT INTO resource_group VALUES ('my.group', 'My.Group', 'eastus', '{}', 0, 0)`,
		`INSERT INTO resource VALUES (1, 'server', 'my.group', 'olddb', 'olddb', 'eastus', '{}', '{}', 0, 0)`,
		`INSERT INTO resource VALUES (2, 'server', 'my.group', 'goes', 'goes', 'eastus', '{}', '{}', 0, 0)`,
		`INSERT INTO server (resource, key, version) VALUES (1, 'olddb', '8.0.21'), (2, 'goes', '8.0.21')`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t)(err)
	}
	must(t)(db.Close())

	d, ctx := open(t, path), t.Context()
	s, err := d.GetServer(ctx, "my.group", "olddb")
	must(t)(err)
	if want := strings.ToLower(s.ID); s.UniqueID != want || !strings.Contains(want, subscription) {
		t.Errorf("id %q, want %q", s.UniqueID, want)
	}
	unsealed, err := d.Unsealed(ctx, s.UniqueID)
	if must(t)(err); !unsealed {
		t.Error("its accounts pass for sealed")
	}
	must(t)(d.Seal(ctx, s.UniqueID))
	if unsealed, err = d.Unsealed(ctx, s.UniqueID); err != nil || unsealed {
		t.Errorf("after Seal: %v, %v", unsealed, err)
	}
	if unsealed, err = d.Unsealed(ctx, newServer(t, d, "my.group", "new").UniqueID); err != nil || unsealed {
		t.Errorf("a new server: %v, %v", unsealed, err)
	}
	_, err = d.Unsealed(ctx, "nobody")
	wantCode(t, err, midas.NotFound)

	for _, name := range []string{"olddb", "goes"} {
		must(t)(second(d.DeleteServer(ctx, nil, "my.group", name)))
	}
	gone, err := d.DepartedServers(ctx)
	if must(t)(err); len(gone) != 2 || !gone[0].Unsealed || gone[1] != (DepartedServer{strings.ToLower(s.ID), "olddb", false}) {
		t.Errorf("departed: %+v", gone)
	}
	if again := newServer(t, d, "my.group", "olddb"); uuid.Validate(again.UniqueID) != nil {
		t.Errorf("made again: %q", again.UniqueID)
	}
}
