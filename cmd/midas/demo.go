package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/stack"
)

func (c *cli) newDemoCommand() *cobra.Command {
	var behind backendFlags
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on one machine: from nothing to a row fetched with a managed identity",
		Long: `Starts everything in a temporary state, does what an operator, an administrator and a
program would do, each step through the real interfaces, and prints each with its time.
Of a server that is named with --backend it leaves nothing changed.`,
		Example: `  midas demo
  midas demo --backend mysql://root@127.0.0.1:3306 --backend-password-file ~/mysql-root`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), behind, keep) },
	}
	behind.add(cmd.Flags(), "embedded")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the temporary state and say where it is")
	return cmd
}

func (c *cli) demo(ctx context.Context, behind backendFlags, keep bool) error {
	password, err := behind.password()
	if err == nil {
		err = checkBackend(stack.Config{Backend: behind.choice, BackendPassword: password})
	}
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "midas-demo-")
	if err != nil {
		return midas.Errorf(midas.Internal, "make a temporary state: %w", err)
	}
	if keep {
		defer fmt.Fprintf(c.Err, "state kept in %s\n", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	d := &demo{out: c.Out, now: c.now}
	names := chooseNames(behind.choice)
	var s *stack.Stack
	err = d.step("midas up", func() (detail string, err error) {
		s, err = stack.Open(ctx, stack.Config{
			State: dir, Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
			Backend: behind.choice, BackendPassword: password,
			AdminLogin: names.admin,
			Log:        slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelError})),
		})
		if err != nil {
			return "", err
		}
		if detail, err = s.Backends(ctx); err != nil {
			s.Close()
		}
		return detail, err
	})
	if err != nil {
		return err
	}
	defer s.Close()
	version, err := d.on(ctx, s, names)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "\nConnected!\nMySQL version: %s\n", output.Printable(version))
	return nil
}

// on serves the stack while the story is told, and leaves the backend as it was.
func (d *demo) on(ctx context.Context, s *stack.Stack, names demoNames) (version string, err error) {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(serving, serving) }()
	t := &tale{demo: d, stack: s, at: s.Running(), demoNames: names, midasWasThere: s.Installed(ctx)}
	err = t.tell(ctx)
	// Also when a step failed or was interrupted: the server may be somebody's.
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, t.cleanUp(cleaning))
	stop()
	return t.version, errors.Join(err, <-ended)
}

// demoNames are what the demo makes on the backend.
type demoNames struct{ admin, user, schema string }

// chooseNames takes names that are free on a server which other demos, or people, use.
func chooseNames(backend string) demoNames {
	if backend == "embedded" {
		return demoNames{stack.OperatorLogin, "myuser", "demo"}
	}
	var random [4]byte
	rand.Read(random[:])
	suffix := "_" + hex.EncodeToString(random[:])
	return demoNames{stack.OperatorLogin + suffix, "myuser" + suffix, "midas_demo" + suffix}
}

// demo prints steps as they are done.
type demo struct {
	out   io.Writer
	now   func() time.Time
	count int
}

// beneath is where the text of a step begins.
const beneath = "                   "

// folded wraps the text of a step at 80 columns, each line beneath the first.
func folded(text string) string {
	var b strings.Builder
	column := len(beneath)
	for i, word := range strings.Fields(output.Printable(text)) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+width > 80:
			b.WriteString("\n" + beneath)
			column = len(beneath)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// step does one thing and prints it with how long it took; detail is what a person
// would want to know of the result.
func (d *demo) step(title string, do func() (detail string, err error)) error {
	d.count++
	began := d.now()
	detail, err := do()
	took := d.now().Sub(began)
	mark := "ok"
	if err != nil {
		mark = "FAILED"
	}
	fmt.Fprintf(d.out, "%2d %7.1f ms  %-2s  %s\n", d.count, float64(took.Microseconds())/1000, mark, folded(title))
	if detail != "" {
		fmt.Fprintf(d.out, "%s%s\n", beneath, folded(detail))
	}
	if err != nil {
		return midas.Errorf(midas.CodeOf(err), "demo step %d, %s: %w", d.count, title, err).WithHint("%s", midas.HintOf(err))
	}
	return nil
}
