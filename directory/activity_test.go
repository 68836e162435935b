package directory

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// TestFailuresLeaveTheLogFirst: who is refused often enough must not wash away what was done.
func TestFailuresLeaveTheLogFirst(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	note := func(action string, status int) {
		d.Note(&Operation{Action: action, Scope: d.subscriptionScope() + "/resourceGroups/rg", Method: "POST"}, status, "")
	}
	note("secret/action", 200)
	for i := range 5 {
		note(fmt.Sprintf("refused%d/action", i), 403)
	}
	note("other/action", 200)
	left := func(most int) string {
		t.Helper()
		d.settleNotes()
		must(t)(transact(ctx, d.writer, func(ctx context.Context, tx *sql.Tx) error { return d.sweepActivity(ctx, tx, most) }))
		all, _, err := d.Activities(ctx, ActivityFilter{Limit: 100})
		must(t)(err)
		var actions []string
		for _, a := range all {
			actions = append(actions, strings.TrimSuffix(a.Action, "/action"))
		}
		return strings.Join(actions, " ")
	}
	for _, tc := range []struct {
		most int
		want string
	}{
		{7, "other refused4 refused3 refused2 refused1 refused0 secret"}, {4, "other refused4 refused3 secret"}, {2, "other secret"}, {1, "other"},
	} {
		if got := left(tc.most); got != tc.want {
			t.Errorf("of %d: %s, want %s", tc.most, got, tc.want)
		}
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
		d.Note(&Operation{Action: "x/action", Scope: strings.Repeat("/x", 40_000)}, 403, "")
	}
	d.Note(&Operation{Action: "secret/action", Scope: "/y"}, 200, "")
	d.unwrittenMu.Lock()
	waiting := d.unwritten
	d.unwritten, d.writing = nil, false
	d.unwrittenMu.Unlock()
	if n := len(waiting); n != maxUnwritten+1 || waiting[n-1].Action != "secret/action" {
		t.Errorf("%d wait", n)
	}
	if n := len(waiting[0].ResourceID); n > maxResourceID+3 {
		t.Errorf("an id of %d bytes is kept", n)
	}
}
