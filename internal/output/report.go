package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/midas-mysql/midas"
)

// ExitStatus ends the program with a given status and prints nothing: the command
// that was run on the caller's behalf has already printed its error.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Report writes err for people: one line that says what failed, then what to do.
func Report(w io.Writer, err error) {
	if err == nil || errors.As(err, new(ExitStatus)) {
		return
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "midas: interrupted")
		return
	}
	fmt.Fprintf(w, "midas: %s\n", OneLine(err.Error()))
	if hint := midas.HintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", OneLine(hint))
	}
}
