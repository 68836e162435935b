package directory

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/midas-mysql/midas"
)

var _ midas.Feed = (*Directory)(nil)

const (
	// changesKept is how many changes the history holds. A consumer that is further behind
	// is told to drop everything.
	changesKept = 10_000
	// changesSweep is how many changes are recorded between two removals of old ones.
	changesSweep = 256
	// maxChanges is how many changes of one transaction are listed; more are one ChangeAll.
	maxChanges = 1000
)

// history knows the last revision without asking the database.
type history struct {
	// head is at least the last revision that was committed through this Directory. It is
	// too high after a commit that failed; then, too, a consumer is never told that nothing
	// changed unless it has read up to there.
	head atomic.Uint64

	mu sync.Mutex
	// seen is the last revision of all processes, read at dataVersion or later.
	dataVersion, seen uint64
	// tail are the last changes, those after tailFrom up to tailTo: each is read once for
	// all consumers.
	tail             []midas.Change
	tailFrom, tailTo uint64
}

// advance raises head to revision. Transactions commit in order, but may come here in
// another one.
func (f *history) advance(revision uint64) {
	for {
		head := f.head.Load()
		if revision <= head || f.head.CompareAndSwap(head, revision) {
			return
		}
	}
}

// Changes implements midas.Feed. That nothing changed costs one load from memory in a
// directory that was opened Alone, and else no more than the question whether any process
// has committed something.
func (d *Directory) Changes(ctx context.Context, after uint64) (changes []midas.Change, upTo uint64, err error) {
	if d.closed.Load() {
		return nil, 0, midas.Errorf(midas.Unavailable, "directory is closed")
	}
	if d.alone {
		head := d.feed.head.Load()
		if after == head {
			return nil, after, nil
		}
		if changes, upTo, err = d.lastChanges(ctx, after, head); upTo != 0 || err != nil {
			return changes, upTo, err
		}
		return d.readChanges(ctx, after)
	}
	// Before the read: a commit in between makes the next version another one.
	version, err := d.dataVersion(ctx)
	if err != nil {
		return nil, 0, err
	}
	d.feed.mu.Lock()
	unchanged := d.feed.dataVersion == version && d.feed.seen == after
	d.feed.mu.Unlock()
	if unchanged {
		return nil, after, nil
	}
	if changes, upTo, err = d.readChanges(ctx, after); err == nil {
		d.feed.mu.Lock()
		d.feed.dataVersion, d.feed.seen = version, upTo
		d.feed.mu.Unlock()
	}
	return changes, upTo, err
}

// lastChanges answers from the tail, after reading on when it ends before head. upTo is 0
// when the tail does not reach back to after.
func (d *Directory) lastChanges(ctx context.Context, after, head uint64) (changes []midas.Change, upTo uint64, err error) {
	f := &d.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tailTo < head {
		more, to, err := d.readChanges(ctx, f.tailTo)
		if err != nil {
			return nil, 0, err
		}
		f.tail, f.tailTo = append(f.tail, more...), to
		if lost(more) {
			f.tail, f.tailFrom = nil, to
		}
		if over := len(f.tail) - maxChanges; over > 0 {
			f.tailFrom = f.tail[over-1].Revision
			f.tail = slices.Clone(f.tail[over:])
		}
	}
	if after < f.tailFrom || after > f.tailTo {
		return nil, 0, nil
	}
	at := slices.IndexFunc(f.tail, func(c midas.Change) bool { return c.Revision > after })
	if at < 0 {
		return nil, f.tailTo, nil
	}
	return slices.Clone(f.tail[at:]), f.tailTo, nil
}

func lost(changes []midas.Change) bool {
	return slices.ContainsFunc(changes, func(c midas.Change) bool { return c.Kind == midas.ChangeAll })
}

// readChanges reads the history after a revision.
func (d *Directory) readChanges(ctx context.Context, after uint64) (changes []midas.Change, upTo uint64, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// The newest row is never removed, and a migration leaves one: there always is one.
		var oldest uint64
		if err := tx.QueryRowContext(ctx, `SELECT min(revision), max(revision) FROM change`).Scan(&oldest, &upTo); err != nil {
			return err
		}
		everything := []midas.Change{{Revision: upTo, Kind: midas.ChangeAll}}
		if after+1 < oldest || after > upTo {
			changes = everything
			return nil
		}
		changes = nil
		var one midas.Change
		err := each(ctx, tx, `SELECT revision, kind, id FROM change WHERE revision > ? ORDER BY revision`, []any{after},
			[]any{&one.Revision, &one.Kind, &one.ID}, func() { changes = append(changes, one) })
		if lost(changes) {
			changes = everything
		}
		return err
	})
	return changes, upTo, err
}

// insertChanges appends to the history and returns its last revision. It removes what the
// history is not to hold any more.
func insertChanges(ctx context.Context, tx *sql.Tx, things []thing) (revision uint64, err error) {
	if len(things) > maxChanges {
		things = []thing{{kind: midas.ChangeAll}}
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO change (kind, id) VALUES (?, ?)`)
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	sweep := false
	for _, t := range things {
		made, err := insert.ExecContext(ctx, t.kind, t.id)
		if err != nil {
			return 0, err
		}
		last, err := made.LastInsertId()
		if err != nil {
			return 0, err
		}
		revision = uint64(last)
		sweep = sweep || revision%changesSweep == 0
	}
	if sweep && revision > changesKept {
		_, err = tx.ExecContext(ctx, `DELETE FROM change WHERE revision <= ?`, revision-changesKept)
	}
	return revision, err
}
