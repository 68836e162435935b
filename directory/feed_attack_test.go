package directory

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/feed"
)

// A change must not hide from the feed and the activity log behind a character at which
// SQLite ends what it reports.
func TestNoChangeHidesBehindNUL(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	u := person(t, d, "alice")
	newServer(t, d, "rg", "mydb")
	const text = "a\x00b"
	for name, write := range map[string]func() error{
		"lock": func() error {
			return ignore(d.PutLock(ctx, nil, Lock{Name: "l", Level: ReadOnly, Scope: d.groupID("rg"), Notes: text}))
		},
		"role assignment": func() error {
			return ignore(d.PutRoleAssignment(ctx, nil, RoleAssignment{
				Name: sid, PrincipalID: u.ObjectID, PrincipalType: midas.KindUser, RoleID: d.Roles()[0].ID, Scope: d.groupID("rg"), Description: text,
			}, ""))
		},
		"user": func() error {
			_, err := d.UpdateUser(ctx, nil, u.ObjectID, UserChange{DisplayName: new(text)})
			return err
		},
		"security group": func() error {
			_, err := d.CreateSecurityGroup(ctx, nil, SecurityGroupChange{Name: new(text), MailNickname: new("x")})
			return err
		},
		"application": func() error {
			_, err := d.RegisterApplication(ctx, nil, ApplicationChange{Name: new(text)})
			return err
		},
		"administrator":  func() error { return ignore(d.SetAdministrator(ctx, nil, "rg", "mydb", admin(text, sid))) },
		"resource group": func() error { return ignore(d.PutGroup(ctx, nil, text, "eastus", nil)) },
		"location":       func() error { return ignore(d.PutGroup(ctx, nil, "new", text, nil)) },
		"parameter":      func() error { _, err := d.SetParameter(ctx, nil, "rg", "mydb", "aad_auth_only", text); return err },
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, write(), midas.Invalid) })
	}
	// What is kept as JSON has it escaped.
	at := head(t, d)
	must(t)(ignore(d.PutGroup(ctx, nil, "rg", "eastus", map[string]string{"a": text})))
	must(t)(ignore(d.PutGroup(ctx, nil, "rg", "eastus", map[string]string{"a": text + "c"})))
	if named, _ := since(t, d, at); len(named) != 2 {
		t.Errorf("two changes are named as %q", named)
	}
}

// A first write of an operation that changes nothing is judged, and the next one that
// changes something is its event.
func TestOperationWhoseSecondWriteChanges(t *testing.T) {
	d := fresh(t)
	o := &Operation{Action: "Microsoft.Resources/subscriptions/resourceGroups/write", Scope: d.groupID("rg"), Caller: "c", AnyRole: true}
	for _, want := range []struct {
		tags   map[string]string
		noted  bool
		events int
	}{{map[string]string{}, false, 0}, {map[string]string{"a": "b"}, true, 1}, {map[string]string{"a": "c"}, true, 1}} {
		must(t)(ignore(d.PutGroup(t.Context(), o, "rg", "eastus", want.tags)))
		all, _, err := d.Activities(t.Context(), ActivityFilter{Limit: 10, Caller: "c"})
		must(t)(err)
		if o.Noted() != want.noted || len(all) != want.events {
			t.Errorf("%v: noted %t, %d events", want.tags, o.Noted(), len(all))
		}
	}
}

// The head may be too high after a commit that failed: nothing is missed for it.
func TestHeadThatIsTooHigh(t *testing.T) {
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: true})
	must(t)(err)
	t.Cleanup(func() { d.Close() })
	at := head(t, d)
	d.feed.advance(at + 3)
	for i := range 6 {
		must(t)(ignore(d.PutGroup(t.Context(), nil, fmt.Sprint("group", i), "eastus", nil)))
		named, upTo := since(t, d, at)
		if len(named) != 1 || upTo != at+1 {
			t.Fatalf("change %d is %q, up to %d after %d", i, named, upTo, at)
		}
		at = upTo
		if named, again := since(t, d, at); len(named) != 0 || again != at {
			t.Fatalf("%q up to %d after change %d", named, again, i)
		}
	}
}

// A group with more things than are listed is one change of everything.
func TestDeletionOfVeryMuch(t *testing.T) {
	d := fresh(t)
	must(t)(d.write(t.Context(), nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO plain_resource (type, group_key, key, name, location, tags, body, created, changed) SELECT 't', 'rg', i, i, 'eastus', '{}', '{}', 0, 0 FROM n`, maxChanges)
		return err
	}))
	at := head(t, d)
	existed, err := d.DeleteGroup(t.Context(), nil, "rg")
	must(t)(err)
	if named, upTo := since(t, d, at); !existed || len(named) != 1 || named[0] != "all " || upTo != at+1 {
		t.Errorf("%d changes up to %d after %d", len(named), upTo, at)
	}
}

// A value that was made from the directory is never used after a change of it was
// acknowledged, with readers and writers at once, in one process and in two.
func TestNoStaleValue(t *testing.T) {
	for name, alone := range map[string]bool{"shared": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "directory.db")
			var both [2]*Directory
			for i := range both {
				d, err := Open(t.Context(), Config{Path: path, Alone: alone})
				must(t)(err)
				t.Cleanup(func() { d.Close() })
				if both[i] = d; alone {
					both[1] = d
					break
				}
			}
			noStaleValue(t, both[0], both[1])
		})
	}
}

func noStaleValue(t *testing.T, reader, writer *Directory) {
	must(t)(ignore(writer.PutGroup(t.Context(), nil, "group", "eastus", map[string]string{"n": "0"})))
	f := feed.NewFollower(reader)
	id := feed.Thing{Kind: midas.ChangeResource, ID: reader.groupID("group")}
	type value struct {
		n     int
		basis *feed.Basis
	}
	var kept atomic.Pointer[value]
	kept.Store(&value{})
	var acknowledged, reads atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				before := acknowledged.Load()
				at, err := f.CatchUp(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				v := kept.Load()
				if !f.Holds(v.basis) {
					g, err := reader.GetGroup(t.Context(), "group")
					if err != nil {
						t.Error(err)
						return
					}
					v = &value{basis: feed.NewBasis(at, id)}
					fmt.Sscan(g.Tags["n"], &v.n)
					reads.Add(1)
					kept.Store(v)
				}
				if v.n < int(before) {
					t.Errorf("%d is used after %d was acknowledged", v.n, before)
					return
				}
			}
		})
	}
	const writes = 60
	for n := 1; n <= writes; n++ {
		must(t)(ignore(writer.PutGroup(t.Context(), nil, "group", "eastus", map[string]string{"n": fmt.Sprint(n)})))
		acknowledged.Store(int64(n))
		// Another thing changes too, and ends nothing.
		must(t)(ignore(writer.PutGroup(t.Context(), nil, "other", "eastus", map[string]string{"n": fmt.Sprint(n)})))
	}
	stop()
	readers.Wait()
	if n := reads.Load(); n > 4*4*writes {
		t.Errorf("the value was read %d times for %d changes", n, writes)
	}
}

// TestFeedOfAnOldDirectory: a directory from before the feed gets one, and its events the
// share that they belong to.
func TestFeedOfAnOldDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	db, err := sql.Open("sqlite", dsn(path, ""))
	must(t)(err)
	for n := 1; n <= 9; n++ {
		names, err := filepath.Glob(fmt.Sprintf("migrations/%04d_*.sql", n))
		must(t)(err)
		text, err := migrations.ReadFile(names[0])
		must(t)(err)
		must(t)(second(db.Exec(string(text))))
	}
	for id, body := range map[string]string{
		"change": `{"action":"X/Write","caller":"C","succeeded":true}`, "refusal": `{"action":"X/Write","caller":"C","succeeded":false,"status":403}`,
		"secret": `{"action":"X/Action","caller":"C","succeeded":true,"status":200}`,
	} {
		must(t)(second(db.Exec(`INSERT INTO activity (event, at, scope, resource_id, group_key, correlation, body) VALUES (?, ?, '', '', '', '', ?)`, id, noon.UnixMilli(), body)))
	}
	must(t)(second(db.Exec(`PRAGMA user_version = 9`)))
	must(t)(db.Close())
	d := open(t, path)
	if named, upTo := since(t, d, 0); len(named) != 1 || named[0] != "all " || upTo == 0 {
		t.Errorf("%q up to %d", named, upTo)
	}
	shares, err := func() (all []string, err error) {
		err = d.read(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
			all, err = column(ctx, tx, `SELECT event || ' ' || changed || ' ' || caller || ' ' || class FROM activity ORDER BY event`)
			return err
		})
		return all, err
	}()
	must(t)(err)
	if got, want := strings.Join(shares, ", "), "change 1 c x/write, refusal 0 c x/write refused, secret 0 c x/action"; got != want {
		t.Errorf("shares %s, not %s", got, want)
	}
}
