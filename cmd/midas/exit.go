package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// The exit codes of the program.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

// exitStatus ends the program with a given status and prints nothing: the command
// that was run on the caller's behalf has already said what there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var status exitStatus
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

// report writes err for people: one line that says what failed, then what to do.
func report(w io.Writer, err error) {
	if err == nil || errors.As(err, new(exitStatus)) {
		return
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "midas: interrupted")
		return
	}
	fmt.Fprintf(w, "midas: %s\n", oneLine(err.Error()))
	if hint := midas.HintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(hint))
	}
}
