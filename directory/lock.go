package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

var (
	// ErrLocked: a lock forbids the operation.
	ErrLocked = errors.New("scope is locked")
	// ErrNoLock: the lock does not exist.
	ErrNoLock = errors.New("lock not found")
)

// LockLevel is what a lock forbids at its scope and below.
type LockLevel string

// The levels of locks.
const (
	CanNotDelete LockLevel = "CanNotDelete" // deletions
	ReadOnly     LockLevel = "ReadOnly"     // all but reads
)

// maxNotes is how many characters of notes Azure takes.
const maxNotes = 512

// Lock forbids at a scope, and below it, what roles would allow.
type Lock struct {
	Name    string
	Level   LockLevel
	Notes   string
	Scope   string // ARM id
	Created time.Time
}

// PutLock makes the lock or changes the one of that name at that scope. Errors are
// NotFound (the scope) or Invalid.
func (d *Directory) PutLock(ctx context.Context, by *Operation, l Lock) (out Lock, created bool, err error) {
	if !within(l.Name, 1, 260, "-._()") {
		return out, false, midas.Errorf(midas.Invalid, "The lock name '%s' is invalid. It must be 1 to 260 characters of letters, digits, '-', '.', '_', '(' or ')'.", clip.Text(l.Name))
	}
	if l.Level != CanNotDelete && l.Level != ReadOnly {
		return out, false, midas.Errorf(midas.Invalid, "The lock level '%s' is invalid. It must be '%s' or '%s'.", clip.Text(string(l.Level)), CanNotDelete, ReadOnly)
	}
	if n := utf8.RuneCountInString(l.Notes); n > maxNotes {
		return out, false, midas.Errorf(midas.Invalid, "The notes of a lock have up to %d characters, not %d.", maxNotes, n)
	}
	if err := noNUL("notes", l.Notes); err != nil {
		return out, false, err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, l.Scope)
		if err != nil {
			return err
		}
		_, err = d.loadLock(ctx, tx, at.key, l.Name)
		created = errors.Is(err, sql.ErrNoRows)
		if err != nil && !created {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO lock (scope, key, name, level, notes, created, group_key, resource) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET level = excluded.level, notes = excluded.notes`, at.key, fold(l.Name), l.Name, l.Level, l.Notes, d.millis(), at.group, at.resource)
		if err != nil {
			return err
		}
		out, err = d.loadLock(ctx, tx, at.key, l.Name)
		return err
	})
	return out, created, err
}

// GetLock returns the lock of that name at that scope, or ErrNoLock.
func (d *Directory) GetLock(ctx context.Context, at, name string) (l Lock, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		l, err = d.loadLock(ctx, tx, scopeKey(at), name)
		if errors.Is(err, sql.ErrNoRows) {
			return &midas.Error{Code: midas.NotFound, Err: ErrNoLock, Message: "The lock '" + clip.Text(name) + "' could not be found."}
		}
		return err
	})
	return l, err
}

// DeleteLock removes the lock of that name at that scope; existed is false when there was
// none.
func (d *Directory) DeleteLock(ctx context.Context, by *Operation, at, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM lock WHERE scope = ? AND key = ?`, scopeKey(at), fold(name)))
		return err
	})
	return existed, err
}

// Locks returns the locks at a scope and above it, with below those below it, too, by
// scope and name. A scope that does not exist is NotFound.
func (d *Directory) Locks(ctx context.Context, scope string, below bool) ([]Lock, error) {
	var all []Lock
	err := d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at, err := d.findScope(ctx, tx, scope)
		if err != nil {
			return err
		}
		all, err = d.loadLocks(ctx, tx, func(key string) bool { return covers(key, at.key) || below && covers(at.key, key) })
		return err
	})
	return all, err
}

// checkLocks refuses an operation that a lock forbids: a deletion by any lock at its
// scope or above, that of a group by one below, too, since it takes all in it along; another
// change by a ReadOnly one at its scope or above. Locks themselves are not locked, or none
// could be taken away.
func (d *Directory) checkLocks(ctx context.Context, tx *sql.Tx, o *Operation) error {
	verb := o.verb()
	if verb == "read" || strings.HasPrefix(fold(o.Action), "microsoft.authorization/locks/") {
		return nil
	}
	key := scopeKey(o.Scope)
	below := fold(o.Action) == "microsoft.resources/subscriptions/resourcegroups/delete"
	locks, err := d.loadLocks(ctx, tx, func(scope string) bool { return covers(scope, key) || below && covers(key, scope) })
	if err != nil {
		return err
	}
	var by []string
	for _, l := range locks {
		if verb == "delete" || l.Level == ReadOnly {
			by = append(by, l.Scope)
		}
	}
	if len(by) == 0 {
		return nil
	}
	if verb == "action" {
		verb = "write"
	}
	return &midas.Error{
		Code: midas.Conflict, Err: ErrLocked, Hint: "see which: midas lock list",
		Message: fmt.Sprintf("The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. Please remove the lock and try again.",
			clip.To(o.Scope, 1024), verb, strings.Join(by, ",")),
	}
}

const lockQuery = `SELECT l.scope, g.name, r.kind, r.name, l.name, l.level, l.notes, l.created
FROM lock l LEFT JOIN resource_group g ON g.key = l.group_key LEFT JOIN resource r ON r.id = l.resource `

// loadLocks returns the locks at those of the folded scopes that are wanted.
func (d *Directory) loadLocks(ctx context.Context, tx *sql.Tx, wanted func(key string) bool) ([]Lock, error) {
	rows, err := tx.QueryContext(ctx, lockQuery+`ORDER BY l.scope, l.key`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Lock
	for rows.Next() {
		l, err := d.scanLock(rows)
		if err != nil {
			return nil, err
		}
		if wanted(scopeKey(l.Scope)) {
			all = append(all, l)
		}
	}
	return all, rows.Err()
}

func (d *Directory) loadLock(ctx context.Context, tx *sql.Tx, scope, name string) (Lock, error) {
	return d.scanLock(tx.QueryRowContext(ctx, lockQuery+`WHERE l.scope = ? AND l.key = ?`, scope, fold(name)))
}

func (d *Directory) scanLock(row interface{ Scan(...any) error }) (Lock, error) {
	var l Lock
	var key string
	var group, kind, name sql.NullString
	var created int64
	err := row.Scan(&key, &group, &kind, &name, &l.Name, &l.Level, &l.Notes, &created)
	l.Scope, l.Created = d.shownScope(key, group, kind, name), time.UnixMilli(created).UTC()
	return l, err
}
