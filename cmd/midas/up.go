package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/workload"
)

func (c *cli) newUpCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Serve the identity plane, the metadata endpoint and the MySQL gateway",
		Long: `Serves everything on loopback until interrupted, keeping its state:

  control   ARM-compatible API and token issuer, https
  metadata  the metadata (IMDS) endpoint, http
  mysql     the gateway that takes tokens as passwords, TLS
  ops       /metrics, /healthz and /readyz, http
  proxy     off unless given: a proxy that answers for Azure's public names, such as
            login.microsoftonline.com and management.azure.com, and reaches nothing else;
            midas env --az --way proxy tells how to use it

The first start makes a local operator: the account that the other commands use, and
the Microsoft Entra administrator of servers that are created without one.`,
		Example: `  midas up
  midas up --seed world.yaml
  midas up --backend mysql://root@127.0.0.1:3306 --backend-password-file ~/mysql-root
  MIDAS_BACKEND_PASSWORD=… midas up --backend 'mysql://midas@db.example.com?ca=/etc/ssl/db-ca.pem'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config(c, cmd)
			if err != nil {
				return err
			}
			return c.up(cmd.Context(), cfg, func() error { return f.logged.again(c, cmd) })
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// up serves until ctx ends. reload reads again what can be read again while it does.
func (c *cli) up(ctx context.Context, cfg stack.Config, reload func() error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	hangups := c.hangups()
	s, err := stack.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	welcome(c.Out, s)
	if output.IsTerminal(c.Out) {
		fmt.Fprintf(c.Out, nextSteps, exportState(s.State()))
	}
	fmt.Fprintln(c.Out, upSaid)
	endNow, cancel := secondInterrupt()
	defer cancel()
	go hangups.follow(ctx, end, func() {
		if err := errors.Join(s.Reload(), reload()); err != nil {
			cfg.Log.Error("not everything could be read again; what was there stays", "error", err)
			return
		}
		cfg.Log.Warn("the certificate and the log level were read again")
	})
	if err := s.Run(ctx, endNow); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, "midas is down")
	return nil
}

// maxServersSaid keeps what comes next on the screen.
const maxServersSaid = 10

// welcome says what runs where and what to do next.
func welcome(w io.Writer, s *stack.Stack) {
	at := s.Running()
	backends, err := s.Backends(context.Background())
	if err != nil {
		backends = err.Error()
	}
	lines := [][2]string{
		{"control", at.Control},
		{"metadata", at.Metadata},
		{"mysql", at.MySQL + "  (TLS; midas ca --path prints the authority)"},
		{"backend", backends},
		{"state", s.State()},
	}
	for i, one := range s.Bound(context.Background()) {
		if i == maxServersSaid {
			lines = append(lines, [2]string{"", "…"})
			break
		}
		lines = append(lines, [2]string{"server", one[0] + ": " + one[1]})
	}
	if at.Proxy != "" {
		lines = append(lines, [2]string{"proxy", at.Proxy + "  (Azure's public names)"})
	}
	if left := s.NamesLeftOut(); left != "" {
		lines = append(lines, [2]string{"names", left})
	}
	fmt.Fprintln(w, "midas is up")
	for _, line := range lines {
		fmt.Fprintf(w, "  %-9s %s\n", line[0], output.Printable(line[1]))
	}
	for _, what := range s.Seeded() {
		fmt.Fprintf(w, "  %-9s %s\n", "seed", output.Printable(what))
	}
}

// nextSteps are for somebody who looks on, and begin with what exportState says.
const nextSteps = `
next, in another terminal:
%s  midas group create --name myResourceGroup --location eastus
  midas mysql flexible-server create --resource-group myResourceGroup --name mydb
  midas identity create --resource-group myResourceGroup --name myIdentity
  midas vm create --resource-group myResourceGroup --name myVM --assign-identity myIdentity
  midas connect -e "CREATE AADUSER 'myIdentity'"          # as the administrator
  midas vm run myVM -- midas connect -h mydb -u myIdentity  # as the program on the VM

`

// upSaid is the last line of what midas up says, by which a program can tell that it has said all.
const upSaid = "Ctrl-C or SIGTERM ends it; the state is kept."

// exportState is the line by which the other commands find a state that is not the
// default; nothing for the default.
func exportState(state string) string {
	if usual, err := defaultState(); err == nil && state == usual {
		return ""
	}
	return "  export " + envName("state") + "=" + workload.QuoteForSh(state) + "\n"
}
