package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configurationPage is written from the commands by `make docs`, and never by hand.
const configurationPage = "../../docs/configuration.md"

var updateDocs = flag.Bool("update", false, "write docs/configuration.md")

// TestConfigurationIsDocumented fails when docs/configuration.md is not what the commands
// and the types of the settings file say now.
func TestConfigurationIsDocumented(t *testing.T) {
	var want bytes.Buffer
	writeConfiguration(t, &want)
	if *updateDocs {
		if err := os.WriteFile(configurationPage, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	if line, is, ought := firstDifference(string(got), want.String()); line > 0 {
		t.Errorf("docs/configuration.md is out of date (make docs): line %d is\n%s\nand should be\n%s", line, is, ought)
	}
}

// firstDifference returns the number of the first line that differs, from 1, and the line in
// both texts; 0 when they are the same.
func firstDifference(got, want string) (line int, is, ought string) {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		is, ought = "(nothing)", "(nothing)"
		if i < len(a) {
			is = a[i]
		}
		if i < len(b) {
			ought = b[i]
		}
		if is != ought {
			return i + 1, is, ought
		}
	}
	return 0, "", ""
}

const configurationHead = `# Configuration

<!-- written by make docs from the commands: change their flags, not this file -->

Each setting of a command has three places, and the first that has it counts: the **flag** on the command line, the
**variable** in the environment, the **key** in the YAML file that ` + "`--config FILE` or `MIDAS_CONFIG`" + ` names. The file is
read when a command begins; a change counts from the next start.

In the file a key stands in the sections of its command, or further out, for all commands below that have such a flag; the
nearest section wins. A list gives a flag several times. A key that no command knows is an error, and so is a section without
any key. Flags of az that midas accepts and does not use are left out here; ` + "`midas COMMAND --help`" + ` names them.

` + "```yaml" + `
state: /var/lib/midas          # --state of every command
up:
  mysql: 0.0.0.0:3306          # midas up --mysql
  vm-netns: [myVM=/run/netns/myVM, other=/run/netns/other]
mysql:
  flexible-server:
    location: westeurope       # of every midas mysql flexible-server command that has --location
` + "```" + `

The list ` + "`servers`" + ` is no setting of a command. It says which database, and which addresses of its own, a server has
from when it is made; what it does not name is as ` + "`midas up --backend`" + ` says. ` + "`passwordFile`" + ` is a file that you
alone may read, ` + "`ca`" + ` the authority of the database's certificate; a field that is not known is an error.
A server with ` + "`listen`" + ` is refused at the common address; ` + "`midas up` prints its own, where `midas connect -h NAME`" + ` and, inside
` + "`midas vm run`" + `, any program finds it by its name.

` + "```yaml" + `
servers:
- name: mydb
  resourceGroup: myResourceGroup   # where the server must be: else the first one of its name has what is declared
  backend: {url: 'mysql://midas@db1:3306', passwordFile: /etc/midas/db.pw, ca: /etc/midas/db-ca.pem}
  listen: ['127.0.0.1:7307']   # its alone: needed where one server is MySQL and another MariaDB
` + "```" + `

What is on a command line is seen by every user of the machine: the secrets of ` + "`midas up`" + ` come from files or from the
variables [below](#variables-that-are-no-flags).

`

// writeConfiguration writes the whole page.
func writeConfiguration(t *testing.T, w io.Writer) {
	root := newCLI(strings.NewReader(""), io.Discard, io.Discard).newRootCommand()
	fmt.Fprint(w, configurationHead)
	fmt.Fprint(w, "## Every command\n\n")
	writeFlags(w, "", flagsOf(root.PersistentFlags()))
	commands := configured(root)
	first := slices.IndexFunc(commands, func(cmd *cobra.Command) bool { return cmd.CommandPath() == "midas up" })
	if first < 0 || len(commands) < 20 {
		t.Fatalf("%d commands with flags, midas up is number %d: the page would say nothing", len(commands), first)
	}
	writeCommand(w, commands[first])
	writeFileKeys(t, w)
	writeVariables(w)
	for i, cmd := range commands {
		if i != first {
			writeCommand(w, cmd)
		}
	}
}

// configured returns the commands that have flags of their own, in the order of their names.
func configured(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, child := range cmd.Commands() {
		if child.Hidden {
			continue
		}
		if len(flagsOf(child.NonInheritedFlags())) > 0 {
			all = append(all, child)
		}
		all = append(all, configured(child)...)
	}
	return all
}

// flagsOf returns the flags that people may set, in the order of their names.
func flagsOf(set *pflag.FlagSet) []*pflag.Flag {
	var all []*pflag.Flag
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && f.Name != "version" {
			all = append(all, f)
		}
	})
	return all
}

func writeCommand(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "## %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
	section := strings.Join(strings.Fields(cmd.CommandPath())[1:], ".") + "."
	writeFlags(w, section, flagsOf(cmd.NonInheritedFlags()))
}

func writeFlags(w io.Writer, section string, flags []*pflag.Flag) {
	fmt.Fprint(w, "| flag | variable | key | default | meaning |\n|---|---|---|---|---|\n")
	for _, f := range flags {
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name += ", `-" + f.Shorthand + "`"
		}
		standard, meaning := defaultOf(f)
		key := "`" + section + f.Name + "`"
		if f.Name == "config" {
			key = "" // the file does not name itself
		}
		fmt.Fprintf(w, "| %s | `%s` | %s | %s | %s |\n", name, envName(f.Name), key, cell(standard), cell(meaning))
	}
	fmt.Fprintln(w)
}

// defaultInText is how a flag says what it comes to when it is not given.
var defaultInText = regexp.MustCompile(`,? \((?:by )?default:? ([^()]+)\)`)

// defaultOf returns what a flag comes to when it is not given, and what it means.
func defaultOf(f *pflag.Flag) (standard, meaning string) {
	_, meaning = pflag.UnquoteUsage(f)
	if said := defaultInText.FindStringSubmatch(meaning); said != nil {
		return said[1], strings.Replace(meaning, said[0], "", 1)
	}
	switch standard = f.DefValue; {
	case f.Value.Type() == "bool":
		standard = map[string]string{"true": "on", "false": "off"}[standard]
	case f.Value.Type() == "duration":
		standard = shortDuration(standard)
	}
	if slices.Contains([]string{"", "[]", "0", "0s"}, standard) {
		return "", meaning
	}
	return "`" + standard + "`", meaning
}

// shortDuration writes 10m0s as 10m.
func shortDuration(text string) string {
	if short, is := strings.CutSuffix(text, "m0s"); is {
		text = short + "m"
	}
	if short, is := strings.CutSuffix(text, "h0m"); is {
		text = short + "h"
	}
	return text
}

// cell writes text as the cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(strings.TrimSpace(text))
}

// variables are read from the environment and are the value of no flag.
var variables = [][2]string{
	{passwordVariable, "password of `midas up --backend`, in place of `--backend-password-file`"},
	{keyVariable, "key that token signing keys are encrypted under, in place of `--key-encryption-key-file`: 32 bytes as base64 or hexadecimal"},
	{"MIDAS_VM", "set by `midas vm run`: the machine that the command is, whose identity `midas token` and `midas connect` take"},
	{"IDENTITY_ENDPOINT", "where a workload asks for tokens; set by App Service, Azure Arc and `midas env --vm`, and believed with `IDENTITY_HEADER`"},
	{"IDENTITY_HEADER", "secret that is sent there"},
	{"AZURE_CLIENT_ID", "client id of the identity that a workload asks for; without it, its only one"},
	{"AZURE_FEDERATED_TOKEN_FILE", "file with the token of a pod, which the issuer exchanges for one of the identity"},
	{"AZURE_AUTHORITY_HOST", "token issuer that exchanges it"},
	{"MYSQL_HOST", "server of `midas connect`, without `--host`"},
	{"MYSQL_TCP_PORT", "port of `midas connect`, without `--port`"},
	{"XDG_STATE_HOME", "absolute path of the folder in which the state is `midas`, without `--state`"},
	{"NO_COLOR", "not empty: output has no colours on a terminal either"},
}

func writeVariables(w io.Writer) {
	fmt.Fprint(w, "## Variables that are no flag's\n\nThe metadata protocols define more of them, which `midas env --vm NAME --source KIND` prints.\n\n| variable | meaning |\n|---|---|\n")
	for _, v := range variables {
		fmt.Fprintf(w, "| `%s` | %s |\n", v[0], cell(v[1]))
	}
	fmt.Fprintln(w)
}
