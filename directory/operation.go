package directory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// ErrPrecondition: what is there is not what the request said it must be.
var ErrPrecondition = errors.New("precondition failed")

// Operation is what a caller of an API wants to change. Its first change is refused where the
// caller has no role for it, or a lock or a precondition forbids it, and is written to the
// activity log, all in the transaction of the change itself: nothing can come between the
// judgement and the change. A change that leaves everything as it was is not in the log. A nil
// *Operation stands for midas itself, which nothing is forbidden.
type Operation struct {
	Action        string // "Microsoft.Compute/virtualMachines/write"
	Scope         string // the ARM id that it is about
	Caller        string // object id
	CallerName    string // user principal name, "" for an application
	ClientID      string
	CorrelationID string
	RequestID     string
	Method        string // of HTTP
	Address       string // of the client
	Command       string // az's, "group create"

	// Linked are what the caller needs besides Action at Scope.
	Linked []Permission
	// AnyRole is set where Action is good for nothing that a role would have to allow.
	AnyRole bool
	// OfGraph is set where the objects of the directory are changed: they have no locks, no
	// preconditions and no activity log, and Scope is where the role is needed.
	OfGraph bool

	// IfMatch and IfNoneMatch are the headers of RFC 9110, of which ARM takes one ETag or
	// "*" in the first and "*" in the second. They are about resources alone.
	IfMatch, IfNoneMatch string

	event    string
	admitted bool // its first change was judged
	noted    bool // and one is in the activity log
}

// Permission is the right to take an action at a scope.
type Permission struct {
	Action, Scope string
	Asked         string // how the caller wrote the scope
}

// Denied is the cause of an error of class Forbidden: the caller of an Operation lacks these
// permissions.
type Denied struct{ Missing []Permission }

func (e *Denied) Error() string {
	return "the caller has no role that allows " + e.Missing[0].Action + " at " + e.Missing[0].Scope
}

// Event is the id of the operation in the activity log.
func (o *Operation) Event() string {
	if o.event == "" {
		o.event = uuid.NewString()
	}
	return o.event
}

// Noted reports whether the operation has changed something, and so is in the log.
func (o *Operation) Noted() bool { return o.noted }

// Committed is called by a store when a change by the operation has been judged and committed:
// the next one is not judged again. noted is set when it is in the log.
func (o *Operation) Committed(noted bool) { o.admitted, o.noted = true, noted }

// verb is what the operation does to its scope, in the words of locks: "delete", "write",
// "action" or "read".
func (o *Operation) verb() string {
	return fold(o.Action[strings.LastIndexByte(o.Action, '/')+1:])
}

// admit refuses the operation where the caller has no role for it, or a lock or a precondition
// forbids it.
func (d *Directory) admit(ctx context.Context, tx *sql.Tx, o *Operation) error {
	if err := d.checkRoles(ctx, tx, o); err != nil || o.OfGraph {
		return err
	}
	if err := d.checkLocks(ctx, tx, o); err != nil {
		return err
	}
	return d.checkPrecondition(ctx, tx, o)
}

// Admit refuses, with Denied or ErrLocked, an operation that changes nothing here and may be
// forbidden all the same.
func (d *Directory) Admit(ctx context.Context, o *Operation) error {
	return d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := d.checkRoles(ctx, tx, o); err != nil {
			return err
		}
		return d.checkLocks(ctx, tx, o)
	})
}

// checkRoles refuses, with Denied, an operation whose caller has no role for it.
func (d *Directory) checkRoles(ctx context.Context, tx *sql.Tx, o *Operation) error {
	if o.AnyRole && len(o.Linked) == 0 {
		return nil
	}
	a, err := d.access(ctx, tx, o.Caller)
	if err != nil {
		return err
	}
	needed := Permission{Action: o.Action, Scope: o.Scope}
	denied := &Denied{}
	if !o.AnyRole && !a.Allowed(needed.Action, needed.Scope) {
		denied.Missing = []Permission{needed}
	} else {
		for _, p := range o.Linked {
			if !a.Allowed(p.Action, p.Scope) {
				denied.Missing = append(denied.Missing, p)
			}
		}
	}
	if len(denied.Missing) == 0 {
		return nil
	}
	return &midas.Error{Code: midas.Forbidden, Err: denied, Message: denied.Error()}
}

func (d *Directory) checkPrecondition(ctx context.Context, tx *sql.Tx, o *Operation) error {
	if o.IfMatch == "" && o.IfNoneMatch == "" {
		return nil
	}
	at, err := d.findScope(ctx, tx, o.Scope)
	if err != nil && midas.CodeOf(err) != midas.NotFound {
		return err
	}
	var etag string
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT etag FROM resource WHERE id = ?`, at.resource.Int64).Scan(&etag)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	failed := func(header, value string) error {
		return &midas.Error{Code: midas.Conflict, Err: ErrPrecondition, Message: fmt.Sprintf("The condition '%s' in the %s header was not satisfied.", clip.Text(value), header)}
	}
	switch {
	case o.IfNoneMatch != "" && o.IfNoneMatch != "*":
		return midas.Errorf(midas.Invalid, "The value '%s' of the If-None-Match header is invalid. It must be '*'.", clip.Text(o.IfNoneMatch))
	case o.IfNoneMatch != "" && etag != "":
		return failed("If-None-Match", o.IfNoneMatch)
	case o.IfMatch != "" && (etag == "" || o.IfMatch != "*" && strings.Trim(strings.TrimPrefix(o.IfMatch, "W/"), `"`) != etag):
		return failed("If-Match", o.IfMatch)
	}
	return nil
}
