package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by a release build with -ldflags "-X main.version=v1.2.3".
var version string

// buildVersion is the version of this program: the release's, else the module's or
// the commit's, else "devel".
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return "devel+" + setting.Value[:12]
		}
	}
	return "devel"
}

func (c *cli) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of midas",
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if !cmd.Flags().Changed("output") && c.Query == "" {
				_, err := fmt.Fprintf(c.Out, "midas %s (%s, %s)\n", buildVersion(), runtime.Version(), platform)
				return err
			}
			return c.Print(map[string]string{"midas": buildVersion(), "go": runtime.Version(), "platform": platform})
		},
	}
}
