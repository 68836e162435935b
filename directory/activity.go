package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// activityAge is how long an event is kept, as in Azure.
const activityAge = 90 * 24 * time.Hour

// activityBudgets are how many events are kept of what changed something, and of the
// others: so many that the log stays below some 75 MB. Neither pushes out the other: who
// only reads, and is refused or does what changes nothing, does not get at what was done.
var activityBudgets = map[bool]int{true: 100_000, false: 25_000}

const (
	// activitySweep is how many events are written between two looks for old ones.
	activitySweep = 256
	// activityOver is the part of a budget by which it is exceeded before events go, since
	// to find them takes longer than to write one.
	activityOver = 20
)

const (
	// maxUnwritten is how many events may wait to be written. Of more, refusals are dropped
	// and said in the process log, and what hands something out waits.
	maxUnwritten = 4096
	// maxUnwrittenOfOne is how many refusals of one caller may be among them.
	maxUnwrittenOfOne = maxUnwritten / 4
)

// maxResourceID is how many bytes of an id are kept.
const maxResourceID = 2048

// Activity is one event of the activity log: an operation and what became of it. It has
// nothing of what the request held.
type Activity struct {
	ID            string // GUID
	Time          time.Time
	Action        string
	ResourceID    string // as it was asked for
	Group         string // folded, "" above groups
	CorrelationID string
	RequestID     string
	Caller        string
	CallerName    string
	ClientID      string
	Method        string
	Address       string
	Command       string
	Succeeded     bool
	Changed       bool   // something: it was no refusal, and handed nothing out
	Status        int    // of HTTP, 0 for a change, whose answer was yet to be made
	Code          string // ARM's, of a failure

	row int64
}

// activityBody is what the log keeps as JSON.
type activityBody struct {
	Action     string `json:"action"`
	RequestID  string `json:"request,omitempty"`
	Caller     string `json:"caller"`
	CallerName string `json:"name,omitempty"`
	ClientID   string `json:"client,omitempty"`
	Method     string `json:"method,omitempty"`
	Address    string `json:"address,omitempty"`
	Command    string `json:"command,omitempty"`
	Succeeded  bool   `json:"succeeded"`
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
}

func (o *Operation) activity(at time.Time) Activity {
	return Activity{
		ID: o.Event(), Time: at, Action: o.Action, ResourceID: clip.To(o.Scope, maxResourceID), CorrelationID: o.CorrelationID, RequestID: o.RequestID,
		Caller: o.Caller, CallerName: o.CallerName, ClientID: o.ClientID, Method: o.Method, Address: o.Address, Command: clip.Text(o.Command),
	}
}

func (d *Directory) insertActivity(ctx context.Context, tx *sql.Tx, a Activity) error {
	body, err := json.Marshal(activityBody{
		a.Action, a.RequestID, a.Caller, a.CallerName, a.ClientID, a.Method, a.Address, a.Command, a.Succeeded, a.Status, a.Code,
	})
	if err != nil {
		return err
	}
	key, group := scopeKey(a.ResourceID), ""
	if part := strings.Split(key, "/"); len(part) > 4 && part[3] == "resourcegroups" {
		group = part[4]
	}
	class := fold(a.Action)
	if !a.Succeeded {
		class += " refused"
	}
	made, err := tx.ExecContext(ctx, `INSERT INTO activity (event, at, scope, resource_id, group_key, correlation, body, changed, caller, class) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Time.UnixMilli(), key, a.ResourceID, group, fold(a.CorrelationID), string(body), a.Changed, fold(a.Caller), class)
	if err != nil {
		return err
	}
	if id, err := made.LastInsertId(); err != nil || id%activitySweep != 0 {
		return err
	}
	return d.sweepActivity(ctx, tx, activityBudgets)
}

// excess are the events of a budget that go first. Of the caller who has most it is the
// oldest, and so on until enough are gone: nobody's events go for another's who has more.
// Among those of one caller it is likewise the oldest of what they did most often, so that
// who has something to hide has to do that same thing many times more.
const excess = `SELECT id FROM (
  SELECT id, row_number() OVER (PARTITION BY caller ORDER BY same, id DESC) AS place FROM (
    SELECT id, caller, row_number() OVER (PARTITION BY caller, class ORDER BY id DESC) AS same FROM activity WHERE changed = ?))
ORDER BY place DESC, id LIMIT ?`

// sweepActivity removes events that are too old, and those beyond the budgets.
func (d *Directory) sweepActivity(ctx context.Context, tx *sql.Tx, budgets map[bool]int) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM activity WHERE at < ?`, d.now().Add(-activityAge).UnixMilli()); err != nil {
		return err
	}
	for changed, most := range budgets {
		var events int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM activity WHERE changed = ?`, changed).Scan(&events); err != nil {
			return err
		}
		if events <= most+most/activityOver {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM activity WHERE id IN (`+excess+`)`, changed, events-most); err != nil {
			return err
		}
	}
	return nil
}

// Note puts an operation into the activity log that did not change the directory: one that
// was refused, that hands something out, or that changed something elsewhere. It does not
// wait for the disk: a crash may lose the last instant of what was noted so.
func (d *Directory) Note(o *Operation, status int, code string, changed bool) {
	a := o.activity(d.now())
	a.Succeeded, a.Changed, a.Status, a.Code = status < 400, changed, status, code
	d.unwrittenMu.Lock()
	defer d.unwrittenMu.Unlock()
	if !a.Succeeded {
		if len(d.unwritten) >= maxUnwritten || d.unwrittenOf[a.Caller] >= maxUnwrittenOfOne {
			d.refusals.Warn(a.Address, "activity log cannot keep up, an event is lost", "action", a.Action, "status", status, "correlation", a.CorrelationID)
			return
		}
		d.unwrittenOf[a.Caller]++
	}
	for a.Succeeded && len(d.unwritten) >= 2*maxUnwritten {
		d.written.Wait()
	}
	d.unwritten = append(d.unwritten, a)
	if !d.writing {
		d.writing = true
		go d.writeNoted()
	}
}

// writeNoted writes what was noted, all that waits in one transaction, until nothing
// waits. Whatever is noted meanwhile shares the next transaction.
func (d *Directory) writeNoted() {
	for {
		d.unwrittenMu.Lock()
		batch := d.unwritten
		d.unwritten, d.unwrittenOf = nil, map[string]int{}
		d.writing = len(batch) > 0
		d.written.Broadcast()
		if !d.writing {
			d.unwrittenMu.Unlock()
			return
		}
		d.unwrittenMu.Unlock()
		err := d.commit(context.Background(), func(ctx context.Context, tx *sql.Tx) error {
			for _, a := range batch {
				if err := d.insertActivity(ctx, tx, a); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
			// While the disk is full each request would have its line: principals can repeat theirs.
			d.refusals.Error("", "activity log cannot be written, events are lost", "events", len(batch), "error", err)
		}
	}
}

// awaitNotes returns when what was noted is written, or lost.
func (d *Directory) awaitNotes() {
	d.unwrittenMu.Lock()
	defer d.unwrittenMu.Unlock()
	for d.writing {
		d.written.Wait()
	}
}

// ActivityFilter says which events to list; what is zero is not asked for.
type ActivityFilter struct {
	From, To                               time.Time
	Group, ResourceID, Provider            string
	CorrelationID, Caller, Action, EventID string
	Succeeded                              *bool
	Before                                 int64 // the position where the page before ended
	Limit                                  int
}

// Activities returns events, the last first, and the position where to go on, 0 at the
// end. Those noted before it was called are among them.
func (d *Directory) Activities(ctx context.Context, f ActivityFilter) (all []Activity, next int64, err error) {
	d.awaitNotes()
	where, args := []string{"1"}, []any{}
	add := func(condition string, set bool, values ...any) {
		if set {
			where, args = append(where, condition), append(args, values...)
		}
	}
	add("id < ?", f.Before > 0, f.Before)
	add("at >= ?", !f.From.IsZero(), f.From.UnixMilli())
	add("at <= ?", !f.To.IsZero(), f.To.UnixMilli())
	add("group_key = ?", f.Group != "", fold(f.Group))
	add("scope = ?", f.ResourceID != "", scopeKey(f.ResourceID))
	add("correlation = ?", f.CorrelationID != "", fold(f.CorrelationID))
	add("event = ?", f.EventID != "", fold(f.EventID))
	add("lower(body ->> 'action') = ?", f.Action != "", fold(f.Action))
	add("substr(lower(body ->> 'action'), 1, ?) = ?", f.Provider != "", len(f.Provider)+1, fold(f.Provider)+"/")
	add("(lower(body ->> 'caller') = ? OR lower(coalesce(body ->> 'name', '')) = ?)", f.Caller != "", fold(f.Caller), fold(f.Caller))
	if f.Succeeded != nil {
		add("(body ->> 'succeeded') = ?", true, *f.Succeeded)
	}
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, event, at, resource_id, group_key, correlation, body FROM activity WHERE `+
			strings.Join(where, " AND ")+` ORDER BY id DESC LIMIT ?`, append(args, f.Limit+1)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			a, err := scanActivity(rows)
			if err != nil {
				return err
			}
			all = append(all, a)
		}
		return rows.Err()
	})
	if len(all) > f.Limit {
		all = all[:f.Limit]
		next = all[len(all)-1].row
	}
	return all, next, err
}

func scanActivity(row interface{ Scan(...any) error }) (Activity, error) {
	var a Activity
	var at int64
	var text string
	var b activityBody
	if err := row.Scan(&a.row, &a.ID, &at, &a.ResourceID, &a.Group, &a.CorrelationID, &text); err != nil {
		return a, err
	}
	err := json.Unmarshal([]byte(text), &b)
	a.Time, a.Action, a.RequestID, a.Caller, a.CallerName, a.ClientID = time.UnixMilli(at).UTC(), b.Action, b.RequestID, b.Caller, b.CallerName, b.ClientID
	a.Method, a.Address, a.Command, a.Succeeded, a.Status, a.Code = b.Method, b.Address, b.Command, b.Succeeded, b.Status, b.Code
	return a, err
}

// ActivityByID returns one event, or NotFound.
func (d *Directory) ActivityByID(ctx context.Context, id string) (a Activity, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		a, err = scanActivity(tx.QueryRowContext(ctx, `SELECT id, event, at, resource_id, group_key, correlation, body FROM activity WHERE event = ?`, fold(id)))
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "The operation '%s' could not be found.", clip.Text(id))
		}
		return err
	})
	return a, err
}
