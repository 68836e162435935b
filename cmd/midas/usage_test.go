package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/usage"
)

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("any"), exitFailed},
		{midas.Errorf(midas.Invalid, "the server says no"), exitFailed},
		{midas.Errorf(midas.NotFound, "gone"), exitNotFound},
		{fmt.Errorf("step: %w", midas.Errorf(midas.NotFound, "gone")), exitNotFound},
		{fs.ErrNotExist, exitFailed},
		{usage.Errorf("no such flag"), exitUsage},
		{output.ExitStatus(42), 42},
		{context.Canceled, exitFailed},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("%v: exit code %d, want %d", test.err, got, test.want)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	server := armtest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	state := server.State(t)
	for _, test := range []struct{ args, stderr string }{
		{"identty list", "unknown command \"identty\" for \"midas\"\nhint: did you mean: midas identity"},
		{"vm idenity assign", "unknown command \"idenity\" for \"midas vm\"\nhint: did you mean: midas vm identity"},
		{"mysql server", "unknown command \"server\" for \"midas mysql\"\nhint: see: midas mysql --help"},
		{"group show --nmae g", "unknown flag: --nmae\nhint: did you mean: --name"},
		{"group show -x", "unknown shorthand flag: 'x' in -x\nhint: see: midas group show --help"},
		{"vm crate --name v", "unknown command \"crate\" for \"midas vm\"\nhint: did you mean: midas vm create"},
		{"cloud register --name x", "unknown command \"cloud\" for \"midas\"\nhint: see: midas --help"},
		{"group show", "missing --name/-n\nhint: see: midas group show --help"},
		{"mysql flexible-server create -n db", "missing --resource-group/-g\n"},
		{"identity show -g G", "missing --name/-n\n"},
		{"vm show -g G -n V --ids /x", "--ids stands in place of"},
		{"vm show --ids /subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n", "is not the id of a VM"},
		{"vm show --ids", "is not the id of a VM"},
		{"group show -n g -o xml", "--output \"xml\" is not a format\nhint: formats: json,"},
		{"group show -n g --query [", "--query \"[\": "},
		{"group list --subscription other", "subscription \"other\" is not this midas's\nhint: "},
		{"group list extra", "midas group list takes no argument, and \"extra\" is one"},
		{"group delete -n g", "cannot ask whether to delete resource group g with all that it holds: standard input is not a terminal\nhint: add --yes"},
		{"vm delete -g g -n v", "cannot ask whether to delete VM v"},
		{"mysql flexible-server delete -g g -n db", "cannot ask whether to delete server db"},
		{"mysql flexible-server ad-admin delete -g g -s db", "cannot ask whether to remove the administrator of server db"},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, stdout, stderr := ran(t, state, strings.Fields(test.args)...)
			if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "midas: ") || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s", code, stdout, stderr)
			}
		})
	}
}

func TestAnUnknownFlagPointsAtItsCommand(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		want := "midas: unknown flag: --unlike-any\nhint: see: " + cmd.CommandPath() + " --help\n"
		args := append(strings.Fields(cmd.CommandPath())[1:], "--unlike-any", "value")
		fails := ""
		if cmd.Name() == "env" {
			fails = "false\n" // for the shell that takes in its output
		}
		if code, stdout, stderr := ran(t, t.TempDir(), args...); code != exitUsage || stdout != fails || stderr != want {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newCLI(nil, io.Discard, io.Discard).newRootCommand())
}

func TestTheTourNamesEveryCommand(t *testing.T) {
	code, stdout, stderr := ran(t, t.TempDir())
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	root := newCLI(nil, io.Discard, io.Discard).newRootCommand()
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && !strings.Contains(stdout, "\n  "+cmd.Name()+" ") {
			t.Errorf("%s is not in the tour", cmd.Name())
		}
	}
}

func TestHelpOfEveryCommand(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short help is %q", cmd.CommandPath(), cmd.Short)
		}
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if code, stdout, stderr := ran(t, t.TempDir(), args...); code != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newCLI(nil, io.Discard, io.Discard).newRootCommand())
}

func TestNearest(t *testing.T) {
	names := []string{"create", "show", "list", "exists", "delete"}
	for word, want := range map[string]string{"creat": "create", "shwo": "show", "del": "delete", "xyz": "", "": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
