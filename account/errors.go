package account

import (
	"errors"

	"github.com/midas-mysql/midas"
)

// Error numbers that this package answers with. The first two are Azure's, as people
// report them; the others are MySQL's (Server Error Message Reference).
const (
	NumberValidate    uint16 = 9102 // the id or name could not be validated
	NumberTokenDenied uint16 = 9106 // the token does not hold the group
	NumberDenied      uint16 = 1045 // access denied

	numberSyntax         uint16 = 1064
	numberWrongArguments uint16 = 1210
	numberGlobalVariable uint16 = 1228
	numberWrongValue     uint16 = 1231
	numberCannotUser     uint16 = 1396
	numberTooLong        uint16 = 1470
	numberUnknown        uint16 = 1105
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

// WithHint returns e with the next step for whoever reads it.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Reason.WithHint(format, args...)
	return e
}

// NumberOf returns the MySQL error number and SQLSTATE to answer err with: its own if
// it has one, else 1105 (unknown error).
func NumberOf(err error) (number uint16, sqlState string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Number, e.SQLState
	}
	return numberUnknown, "HY000"
}

// refuse makes an error that may be told: everything here answers somebody whose token
// has been verified already.
func refuse(number uint16, code midas.Code, format string, args ...any) *Error {
	reason := midas.Errorf(code, format, args...)
	reason.Public = true
	return &Error{Number: number, SQLState: sqlState(number), Reason: reason}
}

func sqlState(number uint16) string {
	switch number {
	case NumberDenied:
		return "28000"
	case numberSyntax, numberWrongValue:
		return "42000"
	}
	return "HY000"
}
