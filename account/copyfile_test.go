package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// copyKeys are those of the tests that need no backend.
var copyKeys = keyring{now: ServerKey{1, strings.Repeat("k", 32)}}

func openedCopy(t *testing.T, dir, server string) *copyFile {
	t.Helper()
	c, err := OpenCopies(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.of(server, copyKeys)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sampleRow(n int) Account {
	return Account{
		ServerID: "one", Mapping: fmt.Sprintf("00000000-0000-0000-0000-%012d", n), User: fmt.Sprintf("ünï'\"`%d", n), Host: "%", Kind: midas.KindGroup,
		ID: idA, DirectoryName: "a <b> & c\u2028", Admin: n == 0, Generation: 1 << 30,
	}
}

// What is kept is there after a new start, all of it and as it was.
func TestCopyLasts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "accounts")
	f := openedCopy(t, dir, "one")
	if f.begun() {
		t.Error("it has begun before anything was kept")
	}
	for n := range 5 {
		if err := f.Put(sampleRow(n)); err != nil {
			t.Fatal(err)
		}
	}
	changed := sampleRow(1)
	changed.Generation++
	changed.User = "another"
	for _, err := range []error{f.Put(changed), f.Put(sampleRow(1)), f.Delete(sampleRow(2)), f.Delete(sampleRow(2))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Put(sampleRow(2)); midas.CodeOf(err) != midas.Conflict {
		t.Errorf("a row that was given up is kept again: %v", err)
	}
	want := []Account{sampleRow(0), changed, sampleRow(3), sampleRow(4)}
	for _, f := range []*copyFile{f, openedCopy(t, dir, "one")} {
		got := f.All()
		slices.SortFunc(got, func(a, b Account) int { return strings.Compare(a.Mapping, b.Mapping) })
		if !slices.Equal(got, want) || len(f.of("another")) != 1 || len(f.of(sampleRow(1).User)) != 0 {
			t.Errorf("kept: %+v", got)
		}
		if _, kept, at := f.state(sampleRow(2).Mapping); kept || at.Generation != 1<<30 {
			t.Errorf("the row that was given up: %v, %+v", kept, at)
		}
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "one.json"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// Rows that were given up are remembered up to a number.
func TestCopyForgetsTheOldestDropped(t *testing.T) {
	f := openedCopy(t, "", "one")
	state := &copied{key: copyKeys.now, rows: map[string]keptRow{}}
	for n := range maxDropped {
		state.dropped = append(state.dropped, droppedRow{Mapping: sampleRow(n).Mapping, Generation: 1})
	}
	f.now.Store(state)
	if err := f.Delete(sampleRow(maxDropped)); err != nil {
		t.Fatal(err)
	}
	now := f.look()
	if _, oldest := now.gone[sampleRow(0).Mapping]; oldest || len(now.dropped) != maxDropped || now.gone[sampleRow(maxDropped).Mapping].Generation == 0 {
		t.Errorf("%d are remembered, the oldest: %v", len(now.dropped), oldest)
	}
}

// damages are what may happen to a copy outside midas.
var damages = map[string]struct {
	do   func(path string) error
	says string
}{
	"a row's principal":       {edited(idA, idB), "was changed"},
	"a generation":            {edited("1073741824", "1073741825"), "was changed"},
	"a row taken out":         {rewritten(func(d *copyDocument) { d.Rows = d.Rows[1:] }), "was changed"},
	"a dropped row taken out": {rewritten(func(d *copyDocument) { d.Dropped = nil }), "was changed"},
	"a row put in twice":      {rewritten(func(d *copyDocument) { d.Rows = append(d.Rows, d.Rows[0]) }), "was changed"},
	"no seal":                 {rewritten(func(d *copyDocument) { d.MAC = "" }), "was changed"},
	"a later form":            {edited(`"format": 2`, `"format": 3`), "cut short"},
	"a former form":           {edited(`"format": 2`, `"format": 1`), "it was changed"},
	"another key's version":   {edited(`"keyVersion": 1`, `"keyVersion": 2`), "it was changed"},
	"cut short":               {func(p string) error { return os.Truncate(p, 700) }, "cut short"},
	"empty":                   {func(p string) error { return os.Truncate(p, 0) }, "cut short"},
	"something after it":      {edited("\n}\n", "\n}\n{}"), "cut short"},
	"another server's":        {func(p string) error { return os.Rename(filepath.Join(filepath.Dir(p), "two.json"), p) }, "another server"},
	"readable by others":      {func(p string) error { return os.Chmod(p, 0o644) }, "chmod 600"},
	"somebody else's":         {func(p string) error { return os.Chown(p, 12345, 12345) }, "belongs to somebody else"},
	"a folder":                {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "no regular file"},
	"huge":                    {func(p string) error { return os.Truncate(p, maxCopy+1) }, "at most"},
}

func edited(from, to string) func(string) error {
	return func(path string) error {
		data, err := os.ReadFile(path)
		if !bytes.Contains(data, []byte(from)) {
			return fmt.Errorf("%q is not in it", from)
		}
		return errors.Join(err, os.WriteFile(path, bytes.Replace(data, []byte(from), []byte(to), 1), 0o600))
	}
}

func rewritten(edit func(*copyDocument)) func(string) error {
	return func(path string) error {
		var doc copyDocument
		data, err := os.ReadFile(path)
		err = errors.Join(err, json.Unmarshal(data, &doc))
		edit(&doc)
		data, _ = json.Marshal(doc)
		return errors.Join(err, os.WriteFile(path, data, 0o600))
	}
}

// A copy that was changed is refused, with the reason and the way back, and nothing of it
// counts. Set aside it is in nobody's way.
func TestDamagedCopy(t *testing.T) {
	for what, damage := range damages {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "accounts")
			other := sampleRow(7)
			other.ServerID = "two"
			f := openedCopy(t, dir, "one")
			if err := errors.Join(f.Put(sampleRow(0)), f.Put(sampleRow(1)), f.Delete(sampleRow(2)), openedCopy(t, dir, "two").Put(other)); err != nil {
				t.Fatal(err)
			}
			if err := damage.do(f.path); errors.Is(err, os.ErrPermission) && os.Getenv("CI") == "" {
				t.Skip("left out: only root can give a file away")
			} else if err != nil {
				t.Fatal(err)
			}
			c, err := OpenCopies(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.of("one", copyKeys)
			if !errors.Is(err, ErrCopy) || !strings.Contains(err.Error(), damage.says) || !strings.Contains(midas.HintOf(err), "aad-user restore") {
				t.Errorf("%v (%s)", err, midas.HintOf(err))
			}
			if _, err := c.SetAside("ONE"); err != nil {
				t.Fatal(err)
			}
			if f, err := c.of("one", copyKeys); err != nil || f.begun() {
				t.Errorf("set aside: %v", err)
			}
			if _, err := c.SetAside("one"); midas.CodeOf(err) != midas.Conflict {
				t.Errorf("a copy in use is set aside: %v", err)
			}
		})
	}
}

func TestCopiesOfAnotherKeyOrFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "accounts")
	if err := openedCopy(t, dir, "one").Put(sampleRow(0)); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCopies(dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string]ServerKey{
		"another key": {1, strings.Repeat("x", 32)}, "another version": {2, copyKeys.now.root}, "no version": {0, copyKeys.now.root},
	} {
		if _, err := c.of("one", keyring{now: key}); !errors.Is(err, ErrCopy) {
			t.Errorf("under %s: %v", what, err)
		}
	}
	if f, err := c.of("one", keyring{ServerKey{2, strings.Repeat("x", 32)}, []ServerKey{copyKeys.now}}); err != nil || f.sealedUnder() != copyKeys.now {
		t.Errorf("under a former key: %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCopies(dir); midas.CodeOf(err) != midas.Invalid || !strings.Contains(midas.HintOf(err), "chmod 700") {
		t.Errorf("a folder that others may read: %v", err)
	}
	// No id leads out of the folder, and no two share a file.
	if a, b := c.path("../../etc/passwd"), c.path("a/b"); filepath.Dir(a) != dir || filepath.Dir(b) != dir || a == b {
		t.Errorf("%s, %s", a, b)
	}
}

// A copy that cannot be written keeps what changes accounts from going on.
func TestCopyThatCannotBeWritten(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		s, user := w.open(cfg), w.name("app")
		app := w.create(s, user, idA)
		if err := os.Rename(cfg.Copies.dir, cfg.Copies.dir+"2"); err != nil {
			t.Fatal(err)
		}
		_, err := s.Create(t.Context(), CreateRequest{Name: w.name("more"), ID: idA, SkipValidation: true}, false)
		expect(t, err, midas.Unavailable, 1105)
		if len(w.hosts(w.name("more"))) != 0 || len(w.rows(w.name("more"))) != 0 {
			t.Error("an account was made that has no copy")
		}
		if got := w.lookup(s, user); len(got) != 1 || got[0] != app {
			t.Errorf("Lookup = %v", got)
		}
	})
}

// A server whose copy is refused opens to nobody, says so without a path, and opens again
// when the copy is set aside or mended.
func TestServerWithADamagedCopy(t *testing.T) {
	w := newWorld(t, mysqltest.MariaDB(t))
	cfg := w.copied(w.copyDir())
	s, user := w.open(cfg), w.name("app")
	app := w.create(s, user, idA)
	path := cfg.Copies.path(s.server)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	again := w.copied(cfg.Copies.dir)
	_, err = New(t.Context(), again)
	var told *midas.Error
	if !errors.Is(err, ErrCopy) || !errors.As(err, &told) || !told.Public || strings.Contains(told.Message+told.Hint, cfg.Copies.dir) {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(w.log.String(), path) || !strings.Contains(w.log.String(), "aad-user restore") {
		t.Errorf("the log says %s", w.log.String())
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.lookup(w.open(again), user); len(got) != 1 || got[0] != app {
		t.Errorf("mended: Lookup = %v", got)
	}
}

// Many stores of one server in one process write one copy.
func TestCopySharedByStores(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cfg := w.copied(w.copyDir())
		var made sync.WaitGroup
		for n := range 4 {
			s := w.open(cfg)
			made.Go(func() {
				for i := range 5 {
					if _, err := s.Create(t.Context(), CreateRequest{Name: w.name(fmt.Sprintf("app%d%d", n, i)), ID: idA, SkipValidation: true}, false); err != nil {
						t.Error(err)
					}
				}
			})
		}
		made.Wait()
		w.exec("DROP DATABASE midas")
		s := w.open(w.copied(cfg.Copies.dir))
		if rows := w.query("SELECT user FROM midas.aaduser"); len(rows) != 20 || len(s.Rows()) != 20 {
			t.Errorf("%d rows, %d kept", len(rows), len(s.Rows()))
		}
	})
}

func FuzzOpenCopy(f *testing.F) {
	state := &copied{key: copyKeys.now, rows: map[string]keptRow{}, dropped: []droppedRow{{Mapping: sampleRow(9).Mapping, Generation: 3}, {Mapping: sampleRow(8).Mapping, Generation: 3, Lost: true, User: "u", Host: "h"}}}
	state.keep(sampleRow(0))
	state.keep(sampleRow(1))
	good, err := state.sealed("one")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{good, good[:len(good)/2], []byte("{}"), []byte(`{"format":1,"server":"one","rows":null,"dropped":null,"mac":""}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := copyKeys.openCopy("one", data)
		if err != nil {
			return
		}
		// Nobody here has the key, so what is accepted says what was sealed.
		again, err := c.sealed("one")
		if err != nil || !bytes.Equal(again, good) {
			t.Errorf("%s was accepted: %v", data, err)
		}
	})
}
