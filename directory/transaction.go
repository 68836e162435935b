package directory

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/midas-mysql/midas"
)

// write runs change in one transaction and returns once it is on the disk, or
// changes nothing. The first change by an Operation is judged and logged in it.
func (d *Directory) write(ctx context.Context, o *Operation, change func(context.Context, *sql.Tx) error) error {
	if o == nil || o.noted {
		return d.commit(ctx, change, nil)
	}
	judged := func(ctx context.Context, tx *sql.Tx) error {
		if !o.admitted {
			if err := d.admit(ctx, tx, o); err != nil {
				return err
			}
		}
		return change(ctx, tx)
	}
	if o.OfGraph {
		return d.commit(ctx, judged, nil)
	}
	noted := false
	err := d.commit(ctx, judged, func(ctx context.Context, tx *sql.Tx) error {
		noted = true
		a := o.activity(d.now())
		a.Succeeded, a.Changed = true, true
		return d.insertActivity(ctx, tx, a)
	})
	if err == nil {
		o.Committed(noted)
	}
	return err
}

// commit runs change in one transaction that records in the feed what it changed. It is
// the only way to write. log, which may be nil, is run at its end if anything changed.
func (d *Directory) commit(ctx context.Context, change, log func(context.Context, *sql.Tx) error) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return classify(err)
	}
	defer conn.Close()
	written := newRecord(d.columns)
	if err := hook(conn, written); err != nil {
		return classify(err)
	}
	// A connection that broke meanwhile has forgotten its hook.
	defer func() { _ = hook(conn, nil) }()
	var revision uint64
	err = transact(ctx, conn, func(ctx context.Context, tx *sql.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		things, err := written.things(ctx, d, tx)
		if err != nil || len(things) == 0 {
			return err
		}
		if revision, err = insertChanges(ctx, tx, things); err != nil {
			return err
		}
		if log != nil {
			return log(ctx, tx)
		}
		return nil
	})
	d.feed.advance(revision) // also after an error: a commit may have failed and be there
	return err
}

// read runs look on one consistent state of the directory.
func (d *Directory) read(ctx context.Context, look func(context.Context, *sql.Tx) error) error {
	return transact(ctx, d.reader, look)
}

func transact(ctx context.Context, db interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}, do func(context.Context, *sql.Tx) error,
) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit, Rollback does nothing
	if err := do(ctx, tx); err != nil {
		return classify(err)
	}
	return classify(tx.Commit())
}

// classify gives errors of the store a class; those that have one keep it.
func classify(err error) error {
	var known *midas.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var store *sqlite.Error
	if errors.As(err, &store) {
		switch store.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return midas.Errorf(midas.Unavailable, "directory is busy: %w", err)
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			return midas.Errorf(midas.Unavailable, "directory cannot be written: %w", err).
				WithHint("look at the free space and the permissions of its file")
		}
	}
	return midas.Errorf(midas.Internal, "directory: %w", err)
}
