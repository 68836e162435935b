package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/midas-mysql/midas/internal/azcli"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/usage"
)

// envPrefix begins the environment variable of every flag: --resource-group is
// MIDAS_RESOURCE_GROUP.
const envPrefix = "MIDAS_"

// configure gives the flags of cmd that were not on the command line their value
// from the environment or, failing that, from the file named by --config.
//
// The file is YAML. A key is a flag's name; a section named after a command holds
// values for that command and those below it, and the nearest section wins:
//
//	state: /var/lib/midas
//	mysql:
//	  flexible-server:
//	    location: westeurope
//
// The list of servers is no setting of a command: see declaredServers.
func configure(cmd *cobra.Command) error {
	settings, err := readSettings(cmd)
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "help" || slices.ContainsFunc(f.Annotations[azcli.SameAs], cmd.Flags().Changed) {
			return
		}
		if value, given := os.LookupEnv(envName(f.Name)); given {
			failed = setFlag(cmd, f, []string{value}, envName(f.Name))
		} else if key := settingFor(settings, cmd, f.Name); key != "" {
			f.Annotations = withAnnotation(f.Annotations, fromFile)
			failed = setFlag(cmd, f, valuesOf(settings[key].value), settings[key].from)
		}
	})
	return failed
}

// fromFile marks a flag that has its value from the settings file.
const fromFile = "midas-from-file"

func withAnnotation(all map[string][]string, one string) map[string][]string {
	if all == nil {
		all = map[string][]string{}
	}
	all[one] = nil
	return all
}

// configureAgain gives those flags the value that the settings file has now, unless the command
// line or the environment gave them one. A setting that is gone leaves the default.
func configureAgain(cmd *cobra.Command, names ...string) error {
	settings, err := readSettings(cmd)
	if err != nil {
		return err
	}
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if _, is := f.Annotations[fromFile]; f.Changed && !is {
			continue
		}
		key, values := settingFor(settings, cmd, name), []string{f.DefValue}
		if key != "" {
			values = valuesOf(settings[key].value)
		}
		f.Annotations = withAnnotation(f.Annotations, fromFile)
		if err := setFlag(cmd, f, values, settings[key].from); err != nil {
			return err
		}
	}
	return nil
}

// setting is a value of the settings file, and where it stands there.
type setting struct {
	value any
	from  string // "FILE, line N: setting KEY"
}

// readSettings reads the file named by --config or MIDAS_CONFIG, if any. Its values are under
// the words that lead to them, joined by full stops. It refuses a setting that no command
// knows: a misspelt one must not be passed over in silence.
func readSettings(cmd *cobra.Command) (map[string]setting, error) {
	path := settingsPath(cmd)
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("read settings: %v", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, usage.Errorf("settings file %s is not YAML: %v", path, err)
	}
	settings := map[string]setting{}
	if len(document.Content) > 0 && document.Content[0].Tag != "!!null" {
		if err := flatten(path, "", document.Content[0], settings); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if !settingKnown(cmd.Root(), strings.Split(key, ".")) {
			return nil, usage.Errorf("settings file %s: no command knows it", settings[key].from).
				WithHint("a setting is a flag's name without dashes in front, alone or in a section named after its command")
		}
	}
	return settings, nil
}

// settingsPath is the file named by --config or MIDAS_CONFIG, "" for none.
func settingsPath(cmd *cobra.Command) string {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return "" // completion and help commands have no settings
	}
	if !cmd.Flags().Changed("config") {
		path = os.Getenv(envName("config"))
	}
	return path
}

// flatten puts what sections hold into settings, each value under its whole key. A section
// without any is kept, to be refused; the list of servers is for midas up to read.
func flatten(path, prefix string, sections *yaml.Node, settings map[string]setting) error {
	if sections.Kind == yaml.AliasNode {
		sections = sections.Alias
	}
	if sections.Kind != yaml.MappingNode {
		return usage.Errorf("settings file %s, line %d: it should be names and values, as in: state: /var/lib/midas", path, sections.Line)
	}
	for i := 0; i+1 < len(sections.Content); i += 2 {
		name, value := sections.Content[i], sections.Content[i+1]
		key := prefix + name.Value
		inner := value
		if inner.Kind == yaml.AliasNode {
			inner = inner.Alias
		}
		switch {
		case key == serversKey:
		case inner.Kind == yaml.MappingNode && len(inner.Content) > 0:
			if err := flatten(path, key+".", inner, settings); err != nil {
				return err
			}
		default:
			one := setting{from: fmt.Sprintf("%s, line %d: setting %s", path, name.Line, key)}
			if err := value.Decode(&one.value); err != nil {
				return usage.Errorf("settings file %s: %v", one.from, err)
			}
			settings[key] = one
		}
	}
	return nil
}

// settingKnown reports whether the last word of path is a flag of the command that
// the words before it name, or of one below that command.
func settingKnown(cmd *cobra.Command, path []string) bool {
	if len(path) > 1 {
		for _, child := range cmd.Commands() {
			if child.Name() == path[0] {
				return settingKnown(child, path[1:])
			}
		}
		return false
	}
	if cmd.Flags().Lookup(path[0]) != nil || cmd.InheritedFlags().Lookup(path[0]) != nil || cmd.PersistentFlags().Lookup(path[0]) != nil {
		return true
	}
	for _, child := range cmd.Commands() {
		if settingKnown(child, path) {
			return true
		}
	}
	return false
}

// settingFor returns the key that holds the value of a flag of cmd: from the nearest
// section outwards, or "".
func settingFor(settings map[string]setting, cmd *cobra.Command, flag string) string {
	sections := strings.Fields(cmd.CommandPath())[1:]
	for n := len(sections); n >= 0; n-- {
		key := strings.Join(append(sections[:n:n], flag), ".")
		if _, given := settings[key]; given {
			return key
		}
	}
	return ""
}

// valuesOf returns a setting as the words that would follow its flag.
func valuesOf(setting any) []string {
	list, several := setting.([]any)
	if !several {
		list = []any{setting}
	}
	words := make([]string, 0, len(list))
	for _, one := range list {
		if one == nil {
			one = ""
		}
		words = append(words, fmt.Sprint(one))
	}
	return words
}

func setFlag(cmd *cobra.Command, f *pflag.Flag, values []string, from string) error {
	for _, value := range values {
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			return usage.Errorf("%s: %v", from, err)
		}
	}
	return nil
}

// envName is the environment variable of a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// otherVariables are those that begin as settings do and are none.
var otherVariables = []string{"MIDAS_VM", passwordVariable}

// warnOfVariables tells of variables that no command knows: a misspelt one must not be passed
// over in silence. It does not keep a command from running, since it may be another program's.
func warnOfVariables(root *cobra.Command, w io.Writer) {
	known := slices.Clone(otherVariables)
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		note := func(f *pflag.Flag) { known = append(known, envName(f.Name)) }
		cmd.Flags().VisitAll(note)
		cmd.PersistentFlags().VisitAll(note)
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(root)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, "MIDAS_TEST_") || slices.Contains(known, name) {
			continue
		}
		like := ""
		if near := nearest(name, known); near != "" {
			like = "; did you mean " + near + "?"
		}
		fmt.Fprintf(w, "midas: warning: the variable %s is no setting%s\n", output.Printable(name), like)
	}
}
