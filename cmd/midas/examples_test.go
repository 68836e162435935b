package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// examples are those of every --help, by the words of the command after midas. Lines that go on are
// one.
func examples() map[string][]string {
	all := map[string][]string{}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		text := strings.ReplaceAll(cmd.Example, "\\\n", " ")
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				name := strings.TrimPrefix(cmd.CommandPath(), "midas ")
				all[name] = append(all[name], line)
			}
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(newCLI(nil, nil, nil).newRootCommand())
	return all
}

// elsewhere are examples that examples.txtar does not run, with who does.
var elsewhere = map[string]string{
	"up":            "serves until it is interrupted: up.txtar, seed.txtar, each-backend",
	"demo":          "demo.txtar",
	"login":         "signs in as somebody that each has to make first: login.txtar, people.txtar",
	"backend trust": "names servers that are not here: backend_trust_test.go",
}

// without are words of examples for programs that the script does not have, with who shows them.
var without = map[string]string{
	"az group list":      "az.txtar",
	"az login":           "az-page.txtar",
	"--shell fish":       "env_test.go",
	"--shell powershell": "env_test.go",
}

// writeExamples is the command "examples FILE COMMAND…": it writes a shell script of the examples of
// each command, in that order, which ends at the first that fails.
func writeExamples(ts *testscript.TestScript, args []string) {
	all, script := examples(), "set -eux\n"
	for _, command := range args[1:] {
		if len(all[command]) == 0 {
			ts.Fatalf("midas %s has no example", command)
		}
		for _, example := range all[command] {
			if !leftOut(example) {
				script += example + "\n"
			}
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(script), 0o600))
}

func leftOut(example string) bool {
	for words := range without {
		if strings.Contains(example, words) {
			return true
		}
	}
	return false
}

// TestExamplesAreRun: by test/script/examples.txtar, or by those who are said to here.
func TestExamplesAreRun(t *testing.T) {
	script, err := os.ReadFile("../../test/script/examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all, lines := examples(), ""
	for command, those := range all {
		lines += strings.Join(those, "\n")
		if by := elsewhere[command]; (by == "") != strings.Contains(string(script), "'"+command+"'") {
			t.Errorf("the examples of midas %s are run by examples.txtar, or elsewhere (%q), and not both", command, by)
		}
	}
	for command := range elsewhere {
		if len(all[command]) == 0 {
			t.Errorf("midas %s has no example any more", command)
		}
	}
	for words := range without {
		if !strings.Contains(lines, words) {
			t.Errorf("no example has %q any more", words)
		}
	}
}
