package output

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestReportIsOneLineAndAHint(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{midas.Errorf(midas.Invalid, "first\nsecond\x1b[2J").WithHint("do this"), "midas: first second [2J\nhint: do this\n"},
		{fmt.Errorf("outer: %w", midas.Errorf(midas.Invalid, "inner").WithHint("do")), "midas: outer: inner\nhint: do\n"},
		{midas.Errorf(midas.Unavailable, "get: %w", context.Canceled), "midas: interrupted\n"},
		{ExitStatus(3), ""},
		{nil, ""},
	} {
		var b strings.Builder
		Report(&b, test.err)
		if b.String() != test.want {
			t.Errorf("%v: got %q, want %q", test.err, b.String(), test.want)
		}
	}
}

func TestConfirmation(t *testing.T) {
	for input, want := range map[string]bool{"y\n": true, "what\nYES\n": true, "n\n": false, "": false, "y": true} {
		var prompt strings.Builder
		c := &Terminal{In: strings.NewReader(input), Err: &prompt}
		if got := c.ask("delete it") == nil; got != want {
			t.Errorf("%q: %v, want %v", input, got, want)
		}
		if !strings.HasPrefix(prompt.String(), "Are you sure you want to delete it? (y/n): ") {
			t.Errorf("asked %q", prompt.String())
		}
	}
}
