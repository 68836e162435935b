package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/statedir"
)

func (c *cli) newBackendCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "backend", Short: "The MySQL server behind midas"}
	cmd.AddCommand(c.newBackendTrustCommand())
	return cmd
}

func (c *cli) newBackendTrustCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trust NAME",
		Short: "Trust the server that serves an address of this machine now",
		Long: `Trust the server that serves an address of this machine now, in place of the one that did
before. NAME is the address as --backend has it: HOST:PORT, or the path of a socket.

While a database is down, any user of this machine can listen at its port and would be
sent its passwords. So midas remembers whose process served the port or the socket at the
first contact, and sends nothing to another user's; processes of root and of midas's own
user need not be remembered. Where the system does not tell whose process it is, in a
container for instance, midas remembers the key of the server's certificate instead. A
MariaDB that was given no certificate makes one with a new key at each start, from 11.4
on: give it one of its own (ssl_cert, ssl_key), or use its socket (--backend unix:PATH).

A midas that is running heeds the change at its next connection.`,
		Example: `  midas backend trust 127.0.0.1:3306
  midas backend trust /run/mysqld/mysqld.sock`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
				return midas.Errorf(midas.Invalid, "make the state directory: %w", err)
			}
			trusted, err := backend.Trust(cmd.Context(), backend.ExternalConfig{URL: backendURL(args[0]), Known: statedir.KnownBackends(c.StateDir)})
			if err != nil {
				return err
			}
			return c.Print(trusted)
		},
	}
}

// backendURL is NAME as a URL, which it may already be.
func backendURL(name string) string {
	switch {
	case strings.Contains(name, "://"), strings.HasPrefix(name, "unix:"):
		return name
	case strings.HasPrefix(name, "/"):
		return "unix:" + name
	}
	return "mysql://" + name
}
