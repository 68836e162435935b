package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
)

// variable is one environment variable.
type variable struct{ name, value string }

func (c *cli) newEnvCommand() *cobra.Command {
	var (
		vm    machine
		shell string
	)
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the variables with which programs act as a VM",
		Long: `Print shell commands that set the variables with which unmodified programs on this
machine act as a VM: Azure SDKs get its tokens from the metadata endpoint, and clients
of MySQL find the gateway and trust its certificate. Without --vm, only the latter.`,
		Example: `  eval "$(midas env --vm myVM)"
  midas env --vm myVM --shell fish | source
  midas env --vm myVM --shell powershell | Out-String | Invoke-Expression`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dialect, ok := shells[shell]
			if !ok {
				return usagef("--shell %q is not a shell", shell).WithHint("shells: sh, fish, powershell")
			}
			vars, err := c.environment(cmd.Context(), vm)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.stdout, exports(dialect, shell, vm.name, vars))
			return err
		},
	}
	cmd.Flags().StringVar(&vm.name, "vm", "", "name of the VM to act as")
	cmd.Flags().StringVarP(&vm.group, "resource-group", "g", "", "resource group of the VM, if several have one of that name")
	cmd.Flags().StringVar(&shell, "shell", "sh", "whose syntax: sh (bash, zsh too), fish, powershell")
	_ = cmd.RegisterFlagCompletionFunc("shell", cobra.FixedCompletions([]string{"sh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// environment is what makes a program act as vm, or as nobody when it has no name,
// through the addresses of the running midas.
func (c *cli) environment(ctx context.Context, vm machine) ([]variable, error) {
	running, err := readRunning(c.stateDir)
	if err != nil {
		return nil, notRunning(err)
	}
	var vars []variable
	if vm.name != "" {
		a, err := c.arm()
		if err != nil {
			return nil, err
		}
		if err := vm.find(ctx, a); err != nil {
			return nil, err
		}
		vars = append(vars, variable{"IDENTITY_ENDPOINT", vm.endpoint}, variable{"IDENTITY_HEADER", vm.secret})
		if vm.onlyClientID != "" {
			vars = append(vars, variable{"AZURE_CLIENT_ID", vm.onlyClientID})
		}
	}
	host, port, err := net.SplitHostPort(running.MySQL)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "address of the gateway: %w", err)
	}
	vars = append(vars, variable{"MYSQL_HOST", host}, variable{"MYSQL_TCP_PORT", port})
	trust, err := trustVariables(c.stateDir)
	return append(vars, trust...), err
}

// shellDialect is how a shell sets a variable and takes in our output.
type shellDialect struct {
	set   string // of name and quoted value
	quote func(string) string
	use   string // of the command that prints
}

var shells = map[string]shellDialect{
	"sh": {
		"export %s=%s",
		func(s string) string { return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'` },
		`eval "$(%s)"`,
	},
	"fish": {
		"set -gx %s %s",
		func(s string) string { return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'` },
		"%s | source",
	},
	"powershell": {
		"$env:%s = %s",
		func(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` },
		"%s | Out-String | Invoke-Expression",
	},
}

// exports is what env prints: how to use it, then one line for each variable.
func exports(d shellDialect, shell, vm string, vars []variable) string {
	command := "midas env"
	if vm != "" {
		command += " --vm " + oneLine(vm)
	}
	if shell != "sh" {
		command += " --shell " + shell
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Use it with: "+d.use+"\n", command)
	for _, v := range vars {
		if v.name == "IDENTITY_HEADER" {
			b.WriteString("# IDENTITY_HEADER is a secret: whoever has it gets tokens as this VM.\n")
		}
		fmt.Fprintf(&b, d.set+"\n", v.name, d.quote(v.value))
	}
	return b.String()
}
