package account

import (
	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// Error is a *midas.Error with the number and SQLSTATE that a MySQL client gets.
// errors.As finds both.
type Error struct {
	Number   uint16
	SQLState string
	Reason   *midas.Error
}

func (e *Error) Error() string { return e.Reason.Message }

// Unwrap returns the reason, which carries the class, the hint and whether it may be
// told.
func (e *Error) Unwrap() error { return e.Reason }

// WithHint returns e with the next step for its reader.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Reason.WithHint(format, args...)
	return e
}

// refuse makes an error that may be told: everything here answers somebody whose token
// has been verified already.
func refuse(number uint16, code midas.Code, format string, args ...any) *Error {
	reason := midas.Errorf(code, format, args...)
	reason.Public = true
	return &Error{Number: number, SQLState: mysqlerr.State(number), Reason: reason}
}
