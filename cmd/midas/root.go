package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/azcli"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/workload"
)

// cli is what every command works with: the streams of the process, the principal that it
// speaks as and the values of the global flags, complete by the time a command's RunE begins.
type cli struct {
	*output.Terminal
	*armclient.Session
	now func() time.Time

	sharedState bool // --insecure-shared-state
	verbose     bool // --verbose or --debug
	running     bool // a RunE has begun: errors are no longer about usage
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	return &cli{Terminal: &output.Terminal{In: stdin, Out: stdout, Err: stderr}, Session: &armclient.Session{}, now: time.Now}
}

// program is one run of midas.
type program struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Run runs one command and returns the exit code. The first interrupt cancels ctx, so that
// work can end in order; the second one kills.
func (p program) Run(ctx context.Context) (code int) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	c := newCLI(p.stdin, p.stdout, p.stderr)
	root := c.newRootCommand()
	root.SetArgs(azcli.Spread(p.args))
	code = exitFailed
	defer func() {
		if code != exitOK && isEnv(root, p.args) { // also when this panics
			workload.FailShell(p.stdout, p.args)
		}
	}()
	err := root.ExecuteContext(ctx)
	if err != nil && !c.running {
		err = asUsage(err)
	}
	output.Report(p.stderr, err)
	return exitCode(err)
}

// commandGroup is one heading of the tour and the commands under it.
type commandGroup struct {
	title    string
	commands []*cobra.Command
}

// moreCommands is the last heading, under which cobra's own commands go too.
const moreCommands = "More"

// groups lists every command of the program, in the order of the tour.
func (c *cli) groups() []commandGroup {
	runner := workload.New(workload.Config{Terminal: c.Terminal, Session: c.Session, Now: c.now})
	az := azcli.New(azcli.Config{Terminal: c.Terminal, Session: c.Session, Now: c.now, UnderVM: []*cobra.Command{runner.RunCommand()}})
	return []commandGroup{
		{"Running midas", []*cobra.Command{c.newDemoCommand(), c.newUpCommand()}},
		{"Resources, in az's words", az.Resources()},
		{"Being a VM, and connecting as it", []*cobra.Command{
			runner.EnvCommand(), c.newTokenCommand(), c.newConnectCommand(), c.newFaultCommand(),
		}},
		{moreCommands, append(az.SigningIn(),
			c.newBackendCommand(), c.newKeysCommand(), c.newServerKeyCommand(), c.newCACommand(), c.newVersionCommand())},
	}
}

func (c *cli) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "midas",
		Short: "Sign in to MySQL with a managed identity",
		Long: `midas signs programs in to MySQL with a managed identity instead of a password.
It speaks az's words: after "alias az=midas", az's documented commands run here.`,
		Version:       buildVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.addGlobalFlags(root)
	for _, group := range c.groups() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title + ":"})
		for _, cmd := range group.commands {
			cmd.GroupID = group.title
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommand(c.newHelpCommand())
	root.SetHelpCommandGroupID(moreCommands)
	root.SetCompletionCommandGroupID(moreCommands)
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetVersionTemplate("midas {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return c.prepare(cmd) }
	c.finish(root)
	return root
}

func (c *cli) addGlobalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVarP(&c.Format, "output", "o", "json", "output format: json, jsonc, tsv, table, yaml, none")
	flags.StringVar(&c.Query, "query", "", "JMESPath query over the answer")
	flags.StringVar(&c.StateDir, "state", "", "state directory (default $XDG_STATE_HOME/midas, else ~/.local/state/midas)")
	flags.BoolVar(&c.sharedState, "insecure-shared-state", false, "use the state directory though other users can write to it or to a directory above it")
	flags.String("config", "", "YAML file of settings; overridden by MIDAS_* variables and flags")
	flags.StringVar(&c.Subscription, "subscription", "", "subscription id; must be that of this midas")
	flags.BoolVar(&c.verbose, "verbose", false, "print each request on standard error")
	flags.BoolVar(&c.verbose, "debug", false, "the same as --verbose")
	flags.Bool("only-show-errors", false, "accepted for az's sake: there are no warnings to hide")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(output.Formats, cobra.ShellCompDirectiveNoFileComp))
}

// finish completes the commands below cmd: those that only hold others say so when
// called with a word they do not know, and the rest note that they have begun.
func (c *cli) finish(cmd *cobra.Command) {
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = c.tour
	} else if action := cmd.RunE; action != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			c.running = true
			return action(cmd, args)
		}
		if cmd.Args == nil {
			cmd.Args = noArguments
		}
	}
	for _, child := range cmd.Commands() {
		c.finish(child)
	}
}

// formatted tells whether an answer that is a text is wanted as data.
func (c *cli) formatted(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("output") || c.Query != ""
}

// noArguments is for a command whose words are all flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage.Errorf("%s takes no argument, and %q is one", cmd.CommandPath(), args[0]).
		WithHint("see: %s --help", cmd.CommandPath())
}

// newHelpCommand is cobra's, but that it refuses a word that is no command.
func (c *cli) newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, left, err := cmd.Root().Find(args)
			if err != nil || len(left) > 0 {
				word := args[len(args)-max(len(left), 1)]
				return unknownCommand(about, word)
			}
			return about.Help()
		},
	}
}

// prepare completes the global flags before a command runs.
func (c *cli) prepare(cmd *cobra.Command) (err error) {
	warnOfVariables(cmd.Root(), c.Err)
	if err := configure(cmd); err != nil {
		return err
	}
	if err := c.Prepare(); err != nil {
		return err
	}
	if c.verbose {
		c.Trace = c.Err
	}
	if c.StateDir == "" {
		c.StateDir, err = defaultState()
	} else if c.StateDir, err = filepath.Abs(c.StateDir); err != nil {
		// What is found there is written down for others, who may be in another directory.
		err = midas.Errorf(midas.Invalid, "state directory: %w", err)
	}
	if err != nil || !readsState(cmd) {
		return err
	}
	return statedir.Check(c.StateDir, c.sharedState)
}

// defaultState is $XDG_STATE_HOME/midas.
// Source: XDG Base Directory Specification; a relative value is to be ignored.
func defaultState() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "midas"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", midas.Errorf(midas.Invalid, "no home directory to keep state in: %w", err).WithHint("name a directory with --state")
	}
	return filepath.Join(home, ".local", "state", "midas"), nil
}

// tour lists the commands below cmd, or refuses a word that names none.
func (c *cli) tour(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	if cmd.HasParent() {
		return cmd.Help()
	}
	fmt.Fprintf(c.Out, "%s\n", cmd.Long)
	for _, group := range cmd.Groups() {
		fmt.Fprintf(c.Out, "\n%s\n", group.Title)
		for _, child := range cmd.Commands() {
			if child.GroupID == group.ID && child.IsAvailableCommand() {
				fmt.Fprintf(c.Out, "  %-10s %s\n", child.Name(), child.Short)
			}
		}
	}
	fmt.Fprintf(c.Out, "\nHelp for one: midas help COMMAND\n")
	return nil
}

func unknownCommand(cmd *cobra.Command, word string) error {
	names := []string{}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	err := usage.Errorf("unknown command %q for %q", word, cmd.CommandPath())
	if like := nearest(word, names); like != "" {
		return err.WithHint("did you mean: %s %s", cmd.CommandPath(), like)
	}
	slices.Sort(names)
	return err.WithHint("see: %s --help", cmd.CommandPath())
}
