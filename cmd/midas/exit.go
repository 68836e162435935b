package main

import (
	"errors"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/usage"
)

// The exit codes of the program.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var status output.ExitStatus
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case usage.Is(err):
		return exitUsage
	case midas.CodeOf(err) == midas.NotFound:
		return exitNotFound
	}
	return exitFailed
}
