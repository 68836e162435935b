package main

import (
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
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
func configure(cmd *cobra.Command) error {
	environment, err := readEnvironment()
	if err != nil {
		return err
	}
	settings, err := readSettings(cmd, environment)
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "help" || slices.ContainsFunc(f.Annotations[sameAs], cmd.Flags().Changed) {
			return
		}
		if environment.Exists(f.Name) {
			failed = setFlag(cmd, f, []string{environment.String(f.Name)}, envName(f.Name))
			return
		}
		if key := settingFor(settings, cmd, f.Name); key != "" {
			failed = setFlag(cmd, f, valuesAt(settings, key), "setting "+key)
		}
	})
	return failed
}

// readEnvironment collects the MIDAS_ variables under the names of their flags.
func readEnvironment() (*koanf.Koanf, error) {
	k := koanf.New(".")
	err := k.Load(env.Provider(".", env.Opt{
		Prefix: envPrefix,
		TransformFunc: func(name, value string) (string, any) {
			name = strings.TrimPrefix(name, envPrefix)
			return strings.ReplaceAll(strings.ToLower(name), "_", "-"), value
		},
	}), nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "read environment: %w", err)
	}
	return k, nil
}

// readSettings reads the file named by --config or MIDAS_CONFIG, if any, and refuses
// a setting that no command knows: a misspelt one must not be passed over in silence.
func readSettings(cmd *cobra.Command, environment *koanf.Koanf) (*koanf.Koanf, error) {
	k := koanf.New(".")
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return k, nil // completion and help commands have no settings
	}
	if !cmd.Flags().Changed("config") && environment.Exists("config") {
		path = environment.String("config")
	}
	if path == "" {
		return k, nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil, usage.Errorf("read settings: %v", err)
	}
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return nil, usage.Errorf("settings file %s is not YAML: %v", path, err)
	}
	for _, key := range k.Keys() {
		if !settingKnown(cmd.Root(), strings.Split(key, ".")) {
			return nil, usage.Errorf("settings file %s: no command knows %q", path, key).
				WithHint("a setting is a flag's name without dashes in front, alone or in a section named after its command")
		}
	}
	return k, nil
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
func settingFor(settings *koanf.Koanf, cmd *cobra.Command, flag string) string {
	sections := strings.Fields(cmd.CommandPath())[1:]
	for n := len(sections); n >= 0; n-- {
		key := strings.Join(append(sections[:n:n], flag), ".")
		if settings.Exists(key) {
			return key
		}
	}
	return ""
}

// valuesAt returns a setting as the words that would follow its flag.
func valuesAt(settings *koanf.Koanf, key string) []string {
	if _, list := settings.Get(key).([]any); list {
		return settings.Strings(key)
	}
	return []string{settings.String(key)}
}

func setFlag(cmd *cobra.Command, f *pflag.Flag, values []string, from string) error {
	for _, value := range values {
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			return usage.Errorf("%s: %v", from, err)
		}
	}
	return nil
}

// sameAs annotates a flag with another spelling of itself.
const sameAs = "midas_same_as"

// sameFlag makes two flags of cmd one: a value given to either is no longer the
// environment's to give to the other.
func sameFlag(cmd *cobra.Command, a, b string) {
	_ = cmd.Flags().SetAnnotation(a, sameAs, []string{b})
	_ = cmd.Flags().SetAnnotation(b, sameAs, []string{a})
}

// envName is the environment variable of a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
