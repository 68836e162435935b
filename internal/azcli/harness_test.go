package azcli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/usage"
)

// The exit codes of a program of these commands.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

// run is a program of az's commands alone.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	terminal := &output.Terminal{In: strings.NewReader(""), Out: stdout, Err: stderr}
	session := &armclient.Session{}
	az := New(Config{Terminal: terminal, Session: session, Now: time.Now})
	root := &cobra.Command{Use: "midas", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(append(az.Resources(), az.SigningIn()...)...)
	flags := root.PersistentFlags()
	flags.StringVarP(&terminal.Format, "output", "o", "json", "")
	flags.StringVar(&terminal.Query, "query", "", "")
	flags.StringVar(&session.StateDir, "state", "", "")
	flags.StringVar(&session.Subscription, "subscription", "", "")
	verbose := flags.Bool("verbose", false, "")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if *verbose {
			session.Trace = stderr
		}
		return terminal.Prepare()
	}
	root.SetArgs(Spread(args))
	err := root.ExecuteContext(ctx)
	output.Report(stderr, err)
	switch {
	case err == nil:
		return 0
	case usage.Is(err):
		return exitUsage
	case midas.CodeOf(err) == midas.NotFound:
		return exitNotFound
	}
	return exitFailed
}

// ran runs one command and returns its exit code and what it printed.
func ran(t *testing.T, state string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), append([]string{"--state", state}, args...), &out, &problems)
	return code, out.String(), problems.String()
}
