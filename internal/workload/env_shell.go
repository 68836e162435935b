package workload

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// shellDialect is how a shell sets a variable and takes in our output.
type shellDialect struct {
	set   string // of name and quoted value
	unset string // of name
	quote func(string) string
	run   string // of a program's name: that program, and no alias or function of its name
	// first, next and last frame the commands, so that none runs after one that failed, and
	// the whole fails then: az, where it was not pointed here, would speak to the real cloud.
	first, next, last string
	fail              string // fails, and ends a script that ends at a failure
	use               string // of the command that prints
}

var shells = map[string]shellDialect{
	"sh": {
		set: "export %s=%s", unset: "unset %s",
		quote: func(s string) string { return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'` },
		run:   "command %s",
		first: "%s", next: " &&\n%s", last: " || false\n",
		fail: "false\n",
		use:  `eval "$(%s)"`,
	},
	"fish": {
		set: "set -gx %s %s", unset: "set -e %s",
		quote: func(s string) string { return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'` },
		run:   "command %s",
		first: "%s", next: "\nand %s", last: "\nor false\n",
		fail: "false\n",
		use:  "%s | source",
	},
	"powershell": {
		set: "$env:%s = %s", unset: "Remove-Item -ErrorAction SilentlyContinue Env:%s",
		quote: func(s string) string { return `'` + powershellQuotes.Replace(s) + `'` },
		run:   "& (Get-Command -ErrorAction Stop -CommandType Application -TotalCount 1 %s)",
		first: "%s", next: powershellCheck + "%s", last: powershellCheck,
		fail: "throw 'midas env failed'\n",
		use:  "%s | Out-String | Invoke-Expression",
	},
}

// powershellQuotes doubles what ends a text in PowerShell: it takes these for apostrophes, too.
var powershellQuotes = strings.NewReplacer(`'`, `''`, "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛")

const powershellCheck = "\nif ($LASTEXITCODE -ne 0) { throw 'midas env: az failed' }\n"

// framed puts the lines of commands together.
func (d shellDialect) framed(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	text := fmt.Sprintf(d.first, lines[0])
	for _, line := range lines[1:] {
		text += fmt.Sprintf(d.next, line)
	}
	return text + d.last
}

// FailShell prints what makes the shell fail that takes in the output of `midas env`, when
// that has none: an empty one is a success to eval, and the script would go on and speak to
// the cloud that it was to be pointed away from. args are those of the program, whose flags
// may not have been understood.
func FailShell(w io.Writer, args []string) {
	name := os.Getenv("MIDAS_SHELL")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--shell="); ok {
			name = value
		} else if arg == "--shell" && i+1 < len(args) {
			name = args[i+1]
		}
	}
	fail := shells["sh"].fail
	if name != "" {
		// Of a shell that is not known, the one line or the other ends the script.
		fail = shells["powershell"].fail + fail
	}
	if d, known := shells[name]; known {
		fail = d.fail
	}
	_, _ = io.WriteString(w, fail)
}

// QuoteForSh returns text as one word of a POSIX shell.
func QuoteForSh(text string) string { return shells["sh"].quote(text) }
