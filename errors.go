package midas

import (
	"errors"
	"fmt"
	"log/slog"
)

// Code classifies an error for the edge that has to answer it: an HTTP status, a
// MySQL error number or an exit code is chosen from it, in one table per edge.
type Code string

// The classes. The list is closed; an error without a class is Internal.
const (
	Invalid         Code = "invalid"         // the request is wrong as it stands
	Unauthenticated Code = "unauthenticated" // the caller is not known
	Forbidden       Code = "forbidden"       // the caller is known and may not
	NotFound        Code = "not found"
	Conflict        Code = "conflict"    // it clashes with what exists
	Unavailable     Code = "unavailable" // something behind does not answer; try again
	Internal        Code = "internal"
)

// Error is an error for the person who must act: what failed with which value
// (Message) and what to do next (Hint). It never holds a token, password or key.
type Error struct {
	Code    Code
	Message string
	Hint    string
	// Public marks a refusal whose reason may be told to the caller. It stays
	// false until the caller's token has proved signature, issuer and audience, so
	// that a stranger learns nothing by trying.
	Public bool
	// Property is what the error is about, of the thing that was to be: "tags". It is ""
	// for the thing as a whole.
	Property string
	Err      error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, whose text is already part of Message.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of the given class; a %w verb keeps its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns e with the next step for its reader.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithProperty returns e as being about that part of what was asked for.
func (e *Error) WithProperty(name string) *Error {
	e.Property = name
	return e
}

// CodeOf returns the class of err: Internal when nothing in it says.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// HintOf returns the next step that err carries, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Explained returns err with the next step in its text, for those who show nothing but that: a
// program that uses a package of midas knows of no hints.
func Explained(err error) error {
	hint := HintOf(err)
	if hint == "" {
		return err
	}
	return &Error{Code: CodeOf(err), Message: err.Error() + " (" + hint + ")", Err: err}
}

// HintAttr is the attribute "hint" for a log line that has err: its reader must act, and an
// error's text is without the next step. Where err carries none it is empty, which handlers
// leave out.
func HintAttr(err error) slog.Attr {
	if hint := HintOf(err); hint != "" {
		return slog.String("hint", hint)
	}
	return slog.Attr{}
}
