package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// confirm asks whether to go on with what cannot be undone. Without a terminal there
// is nobody to ask, so that it refuses.
func (c *cli) confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	if !terminal(c.stdin) {
		return usage.Errorf("cannot ask whether to %s: standard input is not a terminal", what).WithHint("add --yes")
	}
	return c.ask(what)
}

// ask reads answers until one is yes or no; no is the answer to an end of input.
func (c *cli) ask(what string) error {
	lines := bufio.NewScanner(c.stdin)
	for {
		fmt.Fprintf(c.stderr, "Are you sure you want to %s? (y/n): ", printable(what))
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
