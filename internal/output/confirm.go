package output

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// Confirm asks whether to go on with what cannot be undone. It refuses when standard input
// is not a terminal, for nobody could answer.
func (t *Terminal) Confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	if !IsTerminal(t.In) {
		return usage.Errorf("cannot ask whether to %s: standard input is not a terminal", what).WithHint("add --yes")
	}
	return t.ask(what)
}

// ask reads answers until one is yes or no; no is the answer to an end of input.
func (t *Terminal) ask(what string) error {
	lines := bufio.NewScanner(t.In)
	for {
		fmt.Fprintf(t.Err, "Are you sure you want to %s? (y/n): ", Printable(what))
		if !lines.Scan() {
			return midas.Errorf(midas.Invalid, "nothing was done: no answer")
		}
		switch strings.ToLower(strings.TrimSpace(lines.Text())) {
		case "y", "yes":
			return nil
		case "n", "no":
			return midas.Errorf(midas.Invalid, "nothing was done: the answer was no")
		}
	}
}
