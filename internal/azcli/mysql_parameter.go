package azcli

import (
	"net/http"

	"github.com/spf13/cobra"
)

func (c *CLI) newParameterCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "parameter", Short: "Parameters of a server, such as aad_auth_only"}
	cmd.AddCommand(c.newParameterSetCommand(), c.newParameterShowCommand(), c.newParameterListCommand())
	return cmd
}

func (c *CLI) newParameterSetCommand() *cobra.Command {
	var (
		on                  onServer
		name, value, source string
	)
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Set a parameter",
		Example: "  midas mysql flexible-server parameter set -g myResourceGroup -s mydb --name aad_auth_only --value ON",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd, "name", "value")
			if err != nil {
				return err
			}
			path := serverKind.Path(server, "configurations", name)
			answer, err := a.Do(cmd.Context(), http.MethodPatch, path, parameterBody(value, source))
			if err != nil {
				return err
			}
			return c.Print(parameterShape(answer))
		},
	}
	on.bind(cmd)
	bindParameterName(cmd, &name)
	cmd.Flags().StringVarP(&value, "value", "v", "", "value")
	cmd.Flags().StringVar(&source, "source", "user-override", "who sets it")
	return cmd
}

func (c *CLI) newParameterShowCommand() *cobra.Command {
	var (
		on   onServer
		name string
	)
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show a parameter",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd, "name")
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodGet, serverKind.Path(server, "configurations", name), nil)
			if err != nil {
				return err
			}
			return c.Print(parameterShape(answer))
		},
	}
	on.bind(cmd)
	bindParameterName(cmd, &name)
	return cmd
}

func (c *CLI) newParameterListCommand() *cobra.Command {
	var on onServer
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the parameters",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), serverKind.Path(server, "configurations"))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = parameterShape(all[i])
			}
			return c.Print(all)
		},
	}
	on.bind(cmd)
	return cmd
}

func bindParameterName(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "name", "n", "", "name of the parameter")
}

func parameterBody(value, source string) map[string]any {
	properties := map[string]any{"value": value}
	setGiven(properties, "source", source)
	return map[string]any{"properties": properties}
}

// parameterShape is az's form of a parameter.
func parameterShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		return flattened(body, "allowedValues", "dataType", "defaultValue", "description", "source", "systemData", "value")
	}
	return answer
}
