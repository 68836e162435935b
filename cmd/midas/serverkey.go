package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/workload"
)

func (c *cli) newServerKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server-key",
		Short: "The key that a server's account secrets and seals are derived from",
		Long: `The key that a server's account secrets and seals are derived from.

It is derived from the master key, the server's unique id and a version. A gateway that has
it can sign in at the server's backend as each AADUSER of that server, and of no other.`,
	}
	cmd.AddCommand(c.newServerKeyDeriveCommand(), c.newServerKeyRotateCommand())
	return cmd
}

func (c *cli) newServerKeyDeriveCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "derive",
		Short: "Print a server's key, for a gateway that runs without the master key",
		Long: `Print a server's key, for a gateway that runs without the master key. It is derived on
this machine from the master key in the state directory, and never sent: a midas that runs
only tells the server's id and the key's version.`,
		Example: "  (umask 077; midas server-key derive --server mydb > mydb.key)",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usage.Errorf("say which server with --server")
			}
			key, err := c.deriveServerKey(cmd.Context(), name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Out, key.Text())
			return err
		},
	}
	cmd.Flags().StringVar(&name, "server", "", "name of the server")
	return cmd
}

// deriveServerKey asks the midas that runs which key the server has; where none runs, the
// state directory knows it.
func (c *cli) deriveServerKey(ctx context.Context, name string) (account.ServerKey, error) {
	login, err := armclient.ReadLogin(c.StateDir)
	if err != nil {
		return account.ServerKey{}, err
	}
	if _, err := statedir.ReadRunning(c.StateDir); login == nil && midas.CodeOf(err) == midas.NotFound {
		return stack.OfflineServerKey(ctx, c.StateDir, name)
	}
	a, err := c.Client()
	if err != nil {
		return account.ServerKey{}, err
	}
	path, err := serverKeyPath(ctx, a, name, "serverKey")
	if err != nil {
		return account.ServerKey{}, err
	}
	answer, err := a.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return account.ServerKey{}, err
	}
	version, _ := armclient.Member(answer, "version").(float64)
	return stack.ServerKey(c.StateDir, armclient.Text(answer, "serverId"), account.KeyState{Version: int(version), ID: armclient.Text(answer, "keyId")})
}

func (c *cli) newServerKeyRotateCommand() *cobra.Command {
	var (
		name string
		yes  bool
	)
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give a server another key, when the one it has may be known to others",
		Long: `Give a server another key, when the one it has may be known to others. The secrets of all
its accounts, the mappings and their copy are made anew under the next version. Sessions
stay, and sign-ins meanwhile wait. A gateway that runs without the master key needs the new
key from midas server-key derive before anyone can sign in by it again.`,
		Example: "  midas server-key rotate --server mydb --yes",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usage.Errorf("say which server with --server")
			}
			a, err := c.Client()
			if err != nil {
				return err
			}
			path, err := serverKeyPath(cmd.Context(), a, name, "rotateServerKey")
			if err != nil {
				return err
			}
			if err := c.Confirm(yes, "give the accounts of server "+name+" secrets under another key"); err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPost, path, map[string]any{})
			if err != nil {
				return err
			}
			c.Columns = "{ServerId: serverId, Version: version, KeyId: keyId}"
			return c.Print(answer)
		},
	}
	cmd.Flags().StringVar(&name, "server", "", "name of the server")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// serverKeyPath is the path of something below the server of that name.
func serverKeyPath(ctx context.Context, a *armclient.Client, name, below string) (string, error) {
	servers, err := workload.ListServers(ctx, a)
	if err != nil {
		return "", err
	}
	var known []string
	for _, s := range servers {
		if s.Called(name) {
			r, err := armclient.Servers.ParseID(s.ID)
			return armclient.Servers.Path(r, below), err
		}
		known = append(known, s.Name)
	}
	missing := midas.Errorf(midas.NotFound, "there is no server %q", name)
	if len(known) == 0 {
		return "", missing.WithHint("there are none yet; for one: midas mysql flexible-server create --resource-group myResourceGroup --name mydb")
	}
	return "", missing.WithHint("there are: %s", strings.Join(known, ", "))
}
