package directory

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

func operation(scope string) *Operation {
	return &Operation{Action: "Microsoft.Resources/subscriptions/resourceGroups/write", Scope: scope, Caller: "someone", CorrelationID: "c"}
}

// TestChangeAndEventAreOne: a change has its event, a change that failed has none that
// says it succeeded, and a second change of one operation has none of its own.
func TestChangeAndEventAreOne(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	o := operation(d.groupID("new"))
	must(t)(ignore(d.PutGroup(o.In(ctx), "new", "eastus", nil)))
	if !o.Noted() {
		t.Error("the operation does not know of its event")
	}
	must(t)(ignore(d.PutGroup(o.In(ctx), "new", "eastus", map[string]string{"a": "b"})))
	bad := operation(d.groupID("bad."))
	wantCode(t, ignore(d.PutGroup(bad.In(ctx), "new", "westus", nil)), midas.Conflict)
	if bad.Noted() {
		t.Error("what failed has an event")
	}
	all, next, err := d.Activities(ctx, ActivityFilter{Limit: 10})
	must(t)(err)
	if len(all) != 1 || next != 0 || all[0].ID != o.Event() || !all[0].Succeeded || all[0].Group != "new" {
		t.Errorf("%+v", all)
	}
	d.Note(bad, 409, "Conflict")
	all, _, err = d.Activities(ctx, ActivityFilter{Limit: 10})
	must(t)(err)
	if len(all) != 2 || all[0].Succeeded || all[0].Code != "Conflict" || all[0].Status != 409 {
		t.Errorf("%+v", all)
	}
	one, err := d.ActivityByID(ctx, o.Event())
	must(t)(err)
	if one.Caller != "someone" {
		t.Errorf("%+v", one)
	}
	_, err = d.ActivityByID(ctx, "none")
	wantCode(t, err, midas.NotFound)
}

func TestActivityLogIsBounded(t *testing.T) {
	now, mu := noon, sync.Mutex{}
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	must(t)(err)
	t.Cleanup(func() { _ = d.Close() })
	note := func(times int) {
		for range times {
			d.Note(operation("/subscriptions/x"), 403, "AuthorizationFailed")
		}
		d.settleNotes()
	}
	count := func() (n int) {
		t.Helper()
		must(t)(d.reader.QueryRowContext(t.Context(), `SELECT count(*) FROM activity`).Scan(&n))
		return n
	}
	note(10)
	if got := count(); got != 10 {
		t.Fatalf("%d events", got)
	}
	mu.Lock()
	now = noon.Add(activityAge + time.Hour)
	mu.Unlock()
	note(activitySweep)
	if got := count(); got != activitySweep {
		t.Errorf("%d events, and ten of them are too old", got)
	}
	_, err = d.writer.ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO activity (event, at, scope, resource_id, group_key, correlation, body) SELECT 'e' || i, ?, '', '', '', '', '{}' FROM n`, activityEvents, now.UnixMilli())
	must(t)(err)
	note(activitySweep)
	if got := count(); got > activityEvents+activitySweep {
		t.Errorf("%d events", got)
	}
}

// TestActivityUnderLoad: nothing that was noted or changed is lost while others read and
// write, and closing waits for what was noted.
func TestActivityUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	d := open(t, path)
	const workers, each = 8, 20
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				name := fmt.Sprintf("g%d-%d", w, i)
				if _, _, err := d.PutGroup(operation(d.groupID(name)).In(context.Background()), name, "eastus", nil); err != nil {
					t.Error(err)
				}
				d.Note(operation(d.groupID(name)), 409, "Conflict")
				if i%5 == 0 {
					if _, _, err := d.Activities(context.Background(), ActivityFilter{Limit: 5}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	must(t)(d.Close())
	d = open(t, path)
	got, _, err := d.Activities(t.Context(), ActivityFilter{Limit: 2*workers*each + 1})
	must(t)(err)
	if len(got) != 2*workers*each {
		t.Errorf("%d events, want %d", len(got), 2*workers*each)
	}
}

// BenchmarkChange is what an event adds to a change, which waits for the disk.
func BenchmarkChange(b *testing.B) {
	for _, logged := range []bool{false, true} {
		b.Run(fmt.Sprintf("logged=%v", logged), func(b *testing.B) {
			d, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "directory.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			for b.Loop() {
				ctx := b.Context()
				if logged {
					ctx = operation(d.groupID("rg")).In(ctx)
				}
				if _, _, err := d.PutGroup(ctx, "rg", "eastus", map[string]string{"a": "b"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
