package workload

import (
	"context"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
)

// variable is one environment variable.
type variable struct{ name, value string }

// absent tells that the variable must not be there: an empty one leads some SDKs astray.
func (v variable) absent() bool { return v.value == "" }

const envHelp = `Print shell commands that set the variables with which unmodified programs on this
machine act as a VM: Azure SDKs get its tokens from the metadata endpoint, and clients
of MySQL find the gateway and trust its certificate. Without --vm, only the latter.

` + sourceHelp + `
The secret of the VM among them ends after a day, or after --lifetime; call midas env again
for the next. It goes over this machine's loopback in the clear, as in App Service: while
midas is down, another process that takes its port is sent it.

When something is wrong, it prints a command that fails (in PowerShell, that throws): a
script that begins with "set -e" ends there, and what follows "&&" does not run. Without
either, the next line would reach whatever is at its address on this machine's network,
or the real cloud.

With --az, the commands also point Azure's own az here, with a configuration apart from
yours, and sign it in: as the operator, or as the VM. There are three ways: a cloud of
its own, which needs nothing else; through the proxy of "midas up --proxy", with az left
to believe that it talks to Azure's public cloud; and with the list of clouds read from
midas.`

// EnvCommand makes `midas env`.
func (c *Runner) EnvCommand() *cobra.Command {
	var (
		vm    Machine
		shell string
		az    bool
		way   string
	)
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the variables with which programs act as a VM",
		Long:  envHelp,
		Example: `  eval "$(midas env --vm myVM)" && python3 app.py
  eval "$(midas env --az)" && az group list
  midas env --vm myVM --shell fish | source; and python3 app.py
  midas env --vm myVM --shell powershell | Out-String | Invoke-Expression`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dialect, ok := shells[shell]
			if !ok {
				return usage.Errorf("--shell %q is not a shell", shell).WithHint("shells: sh, fish, powershell")
			}
			if err := vm.checkSource(az); err != nil {
				return err
			}
			if way == "" {
				way = wayCloud
			} else if !az || !slices.Contains(ways, way) {
				return usage.Errorf("--way %q is not a way to point az here", way).WithHint("with --az, one of: %s", strings.Join(ways, ", "))
			}
			if vm.lifetime < 0 || vm.lifetime > 0 && vm.Name == "" {
				return usage.Errorf("--lifetime %s needs --vm: without a VM there is no secret that could end", vm.lifetime).WithHint("for one: --vm myVM --lifetime 8h")
			}
			name := vm.Name // as it was given
			vars, err := c.environment(cmd.Context(), &vm)
			if err != nil {
				return err
			}
			use := envRequest{vm: name, source: vm.source, shell: shell, until: vm.until, apart: c.apart()}
			var commands [][]string
			if az {
				use.way = way
				if vars, commands, err = c.azEnvironment(way, name, vars); err != nil {
					return err
				}
			}
			_, err = fmt.Fprint(c.Out, exports(dialect, use, vars, commands))
			return err
		},
	}
	cmd.Flags().StringVar(&vm.Name, "vm", "", "name of the VM to act as")
	cmd.Flags().StringVarP(&vm.Group, "resource-group", "g", "", "resource group of the VM, if several have one of that name")
	cmd.Flags().StringVar(&shell, "shell", "sh", "whose syntax: sh (bash, zsh too), fish, powershell")
	cmd.Flags().DurationVar(&vm.lifetime, "lifetime", 0, "with --vm, how long its secret lasts (default, and at most, what midas up --identity-header-lifetime says: 24h)")
	bindSource(cmd, &vm)
	cmd.Flags().BoolVar(&az, "az", false, "point Azure's az here, too, and sign it in")
	cmd.Flags().StringVar(&way, "way", "", "how to point az here: cloud (default), proxy, metadata-url")
	_ = cmd.RegisterFlagCompletionFunc("way", cobra.FixedCompletions(ways, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("shell", cobra.FixedCompletions([]string{"sh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// environment makes a program act as vm, through the addresses of the running midas. Where vm
// has no name, it points clients of MySQL there and gives no identity.
func (c *Runner) environment(ctx context.Context, vm *Machine) ([]variable, error) {
	running, err := statedir.ReadRunning(c.StateDir)
	if err != nil {
		return nil, armclient.NotRunning(err)
	}
	var vars []variable
	if vm.Name != "" {
		a, err := c.Client()
		if err != nil {
			return nil, err
		}
		if err := vm.find(ctx, a); err != nil {
			return nil, err
		}
		identity, unset, err := vm.identityVariables(ctx, running)
		if err != nil {
			return nil, err
		}
		for _, name := range unset {
			vars = append(vars, variable{name: name})
		}
		vars = append(vars, identity...)
	}
	host, port, err := net.SplitHostPort(running.MySQL)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "address of the gateway: %w", err)
	}
	vars = append(vars, variable{"MYSQL_HOST", host}, variable{"MYSQL_TCP_PORT", port})
	trust, err := trustVariables(c.StateDir)
	return append(vars, trust...), err
}

// apart are the addresses of servers that have their own, by name. One variable cannot hold them.
func (c *Runner) apart() map[string][]string {
	running, _ := statedir.ReadRunning(c.StateDir) // environment has read it, and tells of errors
	return running.Apart
}

// envRequest is what env was asked, for the line that says how to use its output.
type envRequest struct {
	vm, source, way, shell string
	until                  time.Time           // of the VM's secret
	apart                  map[string][]string // addresses of servers that are not at MYSQL_HOST, by name
}

// asThisVM is what a secret is good for.
func (u envRequest) asThisVM() string {
	if u.until.IsZero() {
		return "its holder gets tokens as this VM"
	}
	return "its holder gets tokens as this VM until " + u.until.UTC().Format(time.RFC3339) + "; midas env prints the next"
}

func (u envRequest) String() string {
	command := "midas env"
	if u.vm != "" {
		command += " --vm " + output.OneLine(u.vm)
	}
	if u.source != "" {
		command += " --source " + u.source
	}
	if u.way != "" {
		command += " --az"
	}
	if u.way != "" && u.way != wayCloud {
		command += " --way " + u.way
	}
	if u.shell != "sh" {
		command += " --shell " + u.shell
	}
	return command
}

// secretVariables hold what makes their owner act as a VM.
var secretVariables = map[string]string{
	"IDENTITY_HEADER": "is a secret", "MSI_SECRET": "is a secret", "HTTPS_PROXY": "holds the same secret",
}

// plainArgument is one that means itself to every shell.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// exports is what env prints: how to use it, then a line for each variable and command.
func exports(d shellDialect, u envRequest, vars []variable, commands [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Use it with: "+d.use+"\n", u)
	for _, name := range slices.Sorted(maps.Keys(u.apart)) {
		fmt.Fprintf(&b, "# Server %s is not at MYSQL_HOST: connect to %s.\n", output.OneLine(name), strings.Join(u.apart[name], " or "))
	}
	for _, v := range vars {
		if v.absent() {
			fmt.Fprintf(&b, d.unset+"\n", v.name)
			continue
		}
		if why, ok := secretVariables[v.name]; ok && (v.name != "HTTPS_PROXY" || strings.Contains(v.value, "@")) {
			fmt.Fprintf(&b, "# %s %s: %s.\n", v.name, why, u.asThisVM())
		} else if strings.Contains(v.value, secretPath) {
			fmt.Fprintf(&b, "# %s holds a secret: %s.\n", v.name, u.asThisVM())
		}
		fmt.Fprintf(&b, d.set+"\n", v.name, d.quote(v.value))
	}
	var lines []string
	for _, command := range commands {
		// The program's name bare, since PowerShell takes a quoted one for a text.
		line := fmt.Sprintf(d.run, command[0])
		for _, argument := range command[1:] {
			if !plainArgument.MatchString(argument) {
				argument = d.quote(argument)
			}
			line += " " + argument
		}
		lines = append(lines, line)
	}
	b.WriteString(d.framed(lines))
	return b.String()
}
