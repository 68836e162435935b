package directory

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// left writes events and returns the actions of those that are left when each budget is
// most: "action" is a change, "action!" a refusal and "action+" something handed out.
func left(t *testing.T, most int, events ...[2]string) string {
	t.Helper()
	d := fresh(t)
	_, err := d.writer.ExecContext(t.Context(), `DELETE FROM activity`)
	must(t)(err)
	must(t)(d.commit(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		for _, e := range events {
			action := strings.TrimRight(e[1], "!+")
			a := (&Operation{Action: action, Caller: e[0], Scope: d.subscriptionScope(), event: uuid.NewString()}).activity(noon)
			a.Succeeded, a.Changed = !strings.HasSuffix(e[1], "!"), action == e[1]
			if err := d.insertActivity(ctx, tx, a); err != nil {
				return err
			}
		}
		return d.sweepActivity(ctx, tx, map[bool]int{true: most, false: most})
	}, nil))
	all, _, err := d.Activities(t.Context(), ActivityFilter{Limit: 1000})
	must(t)(err)
	var found []string
	for _, a := range all {
		found = append(found, a.Caller+":"+a.Action)
	}
	slices.Reverse(found)
	return strings.Join(found, " ")
}

// Events go in an order in which nobody gets at those of others, and hardly at their own:
// by budget, then the oldest of the caller who has most, then of what that caller did most.
func TestWhichEventsGoFirst(t *testing.T) {
	many := func(n int, caller, action string) (all [][2]string) {
		for range n {
			all = append(all, [2]string{caller, action})
		}
		return all
	}
	old := [][2]string{{"owner", "grant"}, {"reader", "secret+"}}
	for name, tc := range map[string]struct {
		most   int
		events [][2]string
		want   string
	}{
		"refusals push out no changes":       {3, many(9, "reader", "r!"), "owner:grant reader:secret reader:r reader:r"},
		"nor what was handed out":            {2, many(9, "reader", "secret!"), "owner:grant reader:secret reader:secret"},
		"nor those of another":               {2, many(9, "other", "r!"), "owner:grant reader:secret other:r"},
		"changes push out no refusals":       {1, many(9, "owner", "tag"), "reader:secret owner:tag"},
		"nor changes of another":             {2, many(9, "writer", "tag"), "owner:grant reader:secret writer:tag"},
		"nor other changes of the same":      {3, many(9, "owner", "tag"), "owner:grant reader:secret owner:tag owner:tag"},
		"the oldest of the same go":          {2, append(many(9, "owner", "a"), [2]string{"owner", "b"}), "reader:secret owner:a owner:b"},
		"callers with the same number share": {3, append(many(5, "a", "x"), many(5, "b", "y")...), "owner:grant reader:secret a:x b:y"},
		"nothing goes below the budget":      {9, many(4, "owner", "tag"), "owner:grant reader:secret owner:tag owner:tag owner:tag owner:tag"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := left(t, tc.most, append(slices.Clone(old), tc.events...)...); got != tc.want {
				t.Errorf("left are %s, not %s", got, tc.want)
			}
		})
	}
}

// TestSuccessIsNeverDropped: where events come faster than the disk takes them, those of
// failures are lost, and no others.
func TestSuccessIsNeverDropped(t *testing.T) {
	d := fresh(t)
	d.unwrittenMu.Lock()
	d.writing = true // nobody writes meanwhile
	d.unwrittenMu.Unlock()
	for range maxUnwritten + 1 {
		d.Note(&Operation{Caller: "noisy", Action: "x/action", Scope: strings.Repeat("/x", 40_000)}, 403, "", false)
	}
	d.Note(&Operation{Caller: "quiet", Action: "y/action", Scope: "/y"}, 403, "", false)
	d.Note(&Operation{Caller: "noisy", Action: "secret/action", Scope: "/y"}, 200, "", false)
	d.unwrittenMu.Lock()
	waiting := d.unwritten
	d.unwritten, d.writing = nil, false
	d.unwrittenMu.Unlock()
	if n := len(waiting); n != maxUnwrittenOfOne+2 || waiting[n-2].Action != "y/action" || waiting[n-1].Action != "secret/action" {
		t.Errorf("%d wait", n)
	}
	if n := len(waiting[0].ResourceID); n > maxResourceID+3 {
		t.Errorf("an id of %d bytes is kept", n)
	}
}

// TestFullDiskFillsNoLog: where events cannot be written, principals that go on and on cause
// one line in ten seconds and not one each.
func TestFullDiskFillsNoLog(t *testing.T) {
	var log bytes.Buffer
	d, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "directory.db"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t)(err)
	defer d.Close()
	_, err = d.writer.ExecContext(t.Context(), `PRAGMA query_only(1)`)
	must(t)(err)
	for range 100 {
		d.Note(&Operation{Caller: "noisy", Action: "x/action", Scope: "/x"}, 503, "", false)
		d.awaitNotes()
	}
	if n := strings.Count(log.String(), "cannot be written, events are lost"); n != 1 {
		t.Errorf("%d lines: %.300s", n, log.String())
	}
}
