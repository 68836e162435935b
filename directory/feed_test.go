package directory

import (
	"context"
	"database/sql"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/midas-mysql/midas"
)

// since returns what changed after a revision as "kind id", in order of the text, and the
// revision up to which that is complete.
func since(t *testing.T, d *Directory, after uint64) (named []string, upTo uint64) {
	t.Helper()
	changes, upTo, err := d.Changes(t.Context(), after)
	must(t)(err)
	last := after
	for _, c := range changes {
		if c.Kind != midas.ChangeAll && c.Revision <= last || c.Revision > upTo {
			t.Errorf("revision %d after %d and up to %d", c.Revision, last, upTo)
		}
		last = c.Revision
		if c.ID != strings.ToLower(c.ID) {
			t.Errorf("the id %q is not in lower case", c.ID)
		}
		named = append(named, string(c.Kind)+" "+c.ID)
	}
	slices.Sort(named)
	return named, upTo
}

func head(t *testing.T, d *Directory) uint64 {
	t.Helper()
	_, upTo := since(t, d, 0)
	return upTo
}

// A change is seen by the next call, whichever process made it, and by that one alone.
func TestFeedAcrossProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	both := [2]*Directory{open(t, path), open(t, path)} // nothing is shared but the file
	at := head(t, both[0])
	for i, writer := range []int{0, 1, 1, 0} {
		if named, upTo := since(t, both[0], at); len(named) != 0 || upTo != at {
			t.Errorf("%d: %q up to %d after %d, and nothing has changed", i, named, upTo, at)
		}
		must(t)(ignore(both[writer].PutGroup(t.Context(), nil, "group", "eastus", map[string]string{"n": strconv.Itoa(i)})))
		named, upTo := since(t, both[0], at)
		if len(named) != 1 || upTo <= at {
			t.Errorf("%d: a change by %d is seen as %q up to %d", i, writer, named, upTo)
		}
		at = upTo
	}
	must(t)(both[0].Close())
	if _, _, err := both[0].Changes(t.Context(), at); midas.CodeOf(err) != midas.Unavailable {
		t.Errorf("changes of a closed directory: %v", err)
	}
}

// A reader that reads after a change was acknowledged sees it, while others read all the time.
func TestFeedAmongMany(t *testing.T) {
	for name, alone := range map[string]bool{"shared": false, "alone": true} {
		t.Run(name, func(t *testing.T) { feedAmongMany(t, alone) })
	}
}

func feedAmongMany(t *testing.T, alone bool) {
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: alone})
	must(t)(err)
	t.Cleanup(func() { d.Close() })
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			at := uint64(0)
			for ctx.Err() == nil {
				_, upTo, err := d.Changes(t.Context(), at)
				if err != nil || upTo < at {
					t.Errorf("up to %d after %d: %v", upTo, at, err)
					return
				}
				at = upTo
			}
		})
	}
	for i := range 50 {
		before := head(t, d)
		must(t)(ignore(d.PutGroup(t.Context(), nil, "group", "eastus", map[string]string{"n": strconv.Itoa(i)})))
		if named, _ := since(t, d, before); len(named) != 1 {
			t.Fatalf("change %d is seen as %q", i, named)
		}
	}
	stop()
	others.Wait()
}

// Nothing is asked of the database while nothing changes, when no other process can
// change it: all its connections are taken here.
func TestUnchangedCostsNoSQL(t *testing.T) {
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: true})
	must(t)(err)
	t.Cleanup(func() { d.Close() })
	at := head(t, d)
	for range readers + 1 {
		conn, err := d.reader.Conn(t.Context())
		must(t)(err)
		defer conn.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if changes, upTo, err := d.Changes(ctx, at); len(changes) != 0 || upTo != at || err != nil {
		t.Errorf("changes %v up to %d: %v", changes, upTo, err)
	}
}

// A change is in the feed if and only if it is committed.
func TestRolledBackChangeIsNotInTheFeed(t *testing.T) {
	d := fresh(t)
	at := head(t, d)
	// The machine is made, and the identity that it names is not there.
	_, _, err := d.PutVM(t.Context(), nil, "rg", "vm", Change{Location: "eastus", Identity: users(d.resourceID(identityKind, "rg", "none"))})
	wantCode(t, err, midas.NotFound)
	if named, upTo := since(t, d, at); len(named) != 0 || upTo != at {
		t.Errorf("changes %q up to %d after %d", named, upTo, at)
	}
}

// The history is bounded. A consumer that is further behind, or ahead of the last change,
// is told to drop everything, once.
func TestFeedIsCompacted(t *testing.T) {
	for name, alone := range map[string]bool{"shared": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: alone})
			must(t)(err)
			t.Cleanup(func() { d.Close() })
			feedIsCompacted(t, d)
		})
	}
}

func feedIsCompacted(t *testing.T, d *Directory) {
	begin := head(t, d)
	for i := range 3 * changesKept / maxChanges {
		var things []thing
		for n := range maxChanges {
			things = append(things, thing{midas.ChangeOther, fmt.Sprint(i, n)})
		}
		must(t)(appendChanges(t, d, things))
	}
	var kept int
	must(t)(d.reader.QueryRow(`SELECT count(*) FROM change`).Scan(&kept))
	if kept < changesKept || kept > changesKept+changesSweep {
		t.Errorf("%d changes are kept", kept)
	}
	last := head(t, d)
	for _, after := range []uint64{0, begin, last - uint64(kept) - 1, last + 1} {
		if named, upTo := since(t, d, after); len(named) != 1 || named[0] != "all " || upTo != last {
			t.Errorf("after %d: %d changes, up to %d of %d", after, len(named), upTo, last)
		}
	}
	if named, _ := since(t, d, last-uint64(kept)); len(named) != kept {
		t.Errorf("%d changes after the oldest that is kept", len(named))
	}
	must(t)(appendChanges(t, d, make([]thing, maxChanges+1)))
	if named, upTo := since(t, d, last); len(named) != 1 || named[0] != "all " || upTo != last+1 {
		t.Errorf("%q up to %d: a transaction with too many changes", named, upTo)
	}
}

func appendChanges(t *testing.T, d *Directory, things []thing) error {
	return transact(t.Context(), d.writer, func(ctx context.Context, tx *sql.Tx) error {
		revision, err := insertChanges(ctx, tx, things)
		d.feed.advance(revision)
		return err
	})
}

// Every table is watched or has a reason not to be. A row that is made, changed or removed
// by whatever statement, trigger or foreign key is then named in the feed.
func TestEveryTableIsWatched(t *testing.T) {
	d := fresh(t)
	for table := range d.columns {
		if (watched[table] == nil) == (unfed[table] == "") && table != "sqlite_sequence" {
			t.Errorf("table %s is in both or none of watched and unfed", table)
		}
	}
	for table := range watched {
		if d.columns[table] == nil {
			t.Errorf("there is no table %s", table)
		}
	}
	_, err := d.writer.ExecContext(t.Context(), `CREATE TABLE forgotten (id INTEGER PRIMARY KEY)`)
	must(t)(err)
	err = d.write(t.Context(), nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO forgotten VALUES (1)`)
		return err
	})
	wantCode(t, err, midas.Internal)
}

// Nothing writes but by commit, which records what changed.
func TestOnlyCommitWrites(t *testing.T) {
	may := map[string]bool{"Open": true, "Close": true, "Copy": true, "commit": true}
	files, err := filepath.Glob("*.go")
	must(t)(err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t)(err)
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "writer" && !may[fn.Name.Name] {
					t.Errorf("%s: %s uses the writer; commit alone may", name, fn.Name.Name)
				}
				return true
			})
		}
	}
}

func BenchmarkUnchanged(b *testing.B) {
	for _, alone := range []bool{true, false} {
		d, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "directory.db"), Alone: alone})
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		_, at, err := d.Changes(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		for _, askers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("alone=%t/askers=%d", alone, askers), func(b *testing.B) {
				b.SetParallelism((askers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, _, err := d.Changes(b.Context(), at); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
