// Package usage marks the errors that a command line itself caused: a flag that is
// missing, misspelt or contradicts another. The program ends with another exit code for
// them than for work that failed.
//
// It owns the mark alone, and never prints, parses or ends anything.
package usage

import (
	"errors"
	"fmt"

	"github.com/midas-mysql/midas"
)

// errUsage marks an error that the command line itself caused.
var errUsage = errors.New("wrong usage")

// Errorf makes an error about the command line.
func Errorf(format string, args ...any) *midas.Error {
	return &midas.Error{Code: midas.Invalid, Message: fmt.Sprintf(format, args...), Err: errUsage}
}

// Is reports whether the command line caused err.
func Is(err error) bool { return errors.Is(err, errUsage) }
