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

// Operation is one thing that a caller of an API asks for. The first change under its
// context (Operation.In) is refused where a lock or a precondition forbids it, and is in
// the activity log, all in the transaction of the change itself. One that leaves everything
// as it was is not in the log.
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

	// IfMatch and IfNoneMatch are the headers of RFC 9110, of which ARM takes one ETag or
	// "*" in the first and "*" in the second. They are about resources alone.
	IfMatch, IfNoneMatch string

	event    string
	admitted bool // its first change was judged
	noted    bool // and one is in the activity log
}

type operationKey struct{}

// In returns a context under which changes are this operation's.
func (o *Operation) In(ctx context.Context) context.Context {
	if o.event == "" {
		o.event = uuid.NewString()
	}
	return context.WithValue(ctx, operationKey{}, o)
}

// Event is the id of the operation in the activity log, made by In.
func (o *Operation) Event() string { return o.event }

// Noted reports whether the operation has changed something, and so is in the log.
func (o *Operation) Noted() bool { return o.noted }

func operationOf(ctx context.Context) *Operation {
	o, _ := ctx.Value(operationKey{}).(*Operation)
	return o
}

// verb is what the operation does to its scope, in the words of locks: "delete", "write",
// "action" or "read".
func (o *Operation) verb() string {
	return fold(o.Action[strings.LastIndexByte(o.Action, '/')+1:])
}

// admit refuses the operation where a lock or a precondition forbids it.
func (d *Directory) admit(ctx context.Context, tx *sql.Tx, o *Operation) error {
	if err := d.checkLocks(ctx, tx, o); err != nil {
		return err
	}
	return d.checkPrecondition(ctx, tx, o)
}

// Admit refuses, with ErrLocked, an operation that changes nothing here and may be
// forbidden by a lock all the same.
func (d *Directory) Admit(ctx context.Context, o *Operation) error {
	return d.read(ctx, func(ctx context.Context, tx *sql.Tx) error { return d.checkLocks(ctx, tx, o) })
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
