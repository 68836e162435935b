package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
)

// settled builds the real command tree with one probe command in it, runs the probe
// and returns the values that its flags had.
func settled(t *testing.T, args ...string) (map[string]any, error) {
	t.Helper()
	var got map[string]any
	c := newCLI(new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer))
	root := c.newRootCommand()
	parent := &cobra.Command{Use: "section"}
	probe := &cobra.Command{Use: "probe"}
	place, group, tags := "", "", []string(nil)
	probe.Flags().StringVar(&place, "probe-place", "built in", "")
	probe.Flags().StringVarP(&group, "resource-group", "g", "", "")
	probe.Flags().StringArrayVar(&tags, "tags", nil, "")
	probe.RunE = func(*cobra.Command, []string) error {
		got = map[string]any{"place": place, "group": group, "tags": tags, "output": c.Format}
		return nil
	}
	parent.AddCommand(probe)
	root.AddCommand(parent)
	root.SetArgs(append([]string{"section", "probe"}, args...))
	return got, root.ExecuteContext(t.Context())
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "midas.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagThenEnvironmentThenFile(t *testing.T) {
	const everywhere = "probe-place: file\n"
	for _, test := range []struct {
		name, file, env string
		args            []string
		want            string
	}{
		{name: "nothing says", want: "built in"},
		{name: "file alone", file: everywhere, want: "file"},
		{name: "environment over file", file: everywhere, env: "environment", want: "environment"},
		{name: "flag over both", file: everywhere, env: "environment", args: []string{"--probe-place", "flag"}, want: "flag"},
		{name: "a section over the top of the file", file: everywhere + "section:\n  probe-place: near\n", want: "near"},
		{name: "the nearest section wins", file: "section:\n  probe-place: near\n  probe:\n    probe-place: nearest\n", want: "nearest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.env != "" {
				t.Setenv("MIDAS_PROBE_PLACE", test.env)
			}
			if test.file != "" {
				t.Setenv("MIDAS_CONFIG", settingsFile(t, test.file))
			}
			got, err := settled(t, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got["place"] != test.want {
				t.Errorf("got %q, want %q", got["place"], test.want)
			}
		})
	}
}

func TestSettingsOfOtherKinds(t *testing.T) {
	t.Setenv("MIDAS_RESOURCE_GROUP", "fromEnvironment")
	file := settingsFile(t, "output: TSV\ntags: [a=1, b=2]\ngroup:\n  state: /elsewhere\n")
	got, err := settled(t, "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"place": "built in", "group": "fromEnvironment", "tags": []string{"a=1", "b=2"}, "output": "tsv"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadSettingsAreUsageErrors(t *testing.T) {
	for _, test := range []struct{ name, file string }{
		{"misspelt", "probe-plase: x\n"},
		{"in a section without that flag", "group:\n  probe-place: x\n"},
		{"in an unknown section", "sektion:\n  probe-place: x\n"},
		{"not YAML", "a: [\n"},
		{"a value that its flag refuses", "verbose: perhaps\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := settled(t, "--config", settingsFile(t, test.file))
			if exitCode(err) != exitUsage || midas.CodeOf(err) != midas.Invalid {
				t.Errorf("got %v with exit code %d", err, exitCode(err))
			}
		})
	}
	t.Run("no such file", func(t *testing.T) {
		_, err := settled(t, "--config", filepath.Join(t.TempDir(), "none.yaml"))
		if exitCode(err) != exitUsage {
			t.Errorf("got %v", err)
		}
	})
}

// --name and --resource-group are one flag of the group commands: a variable for the
// one must not overrule the other when that is on the command line.
func TestEnvironmentDoesNotOverruleAnAlias(t *testing.T) {
	t.Setenv("MIDAS_RESOURCE_GROUP", "fromEnvironment")
	root := newCLI(nil, io.Discard, io.Discard).newRootCommand()
	cmd, _, err := root.Find([]string{"group", "show"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	root.SetArgs([]string{"group", "show", "--state", t.TempDir(), "--name", "fromFlag"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flags().Lookup("name").Value.String(); got != "fromFlag" {
		t.Errorf("--name fromFlag became %q", got)
	}
}
