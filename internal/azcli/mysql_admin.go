package azcli

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

// onServer holds the flags of commands about something below a server.
type onServer struct{ group, server string }

func (s *onServer) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.group, "resource-group", "g", "", "resource group")
	cmd.Flags().StringVarP(&s.server, "server-name", "s", "", "name of the server")
}

// open checks the flags and returns a client with the server they name.
func (s *onServer) open(c *CLI, cmd *cobra.Command, also ...string) (*api, armclient.Ref, error) {
	if err := need(cmd, append([]string{"resource-group", "server-name"}, also...)...); err != nil {
		return nil, armclient.Ref{}, err
	}
	a, err := c.api()
	if err != nil {
		return nil, armclient.Ref{}, err
	}
	return a, armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: s.group, Name: s.server}, nil
}

func (c *CLI) newAdminCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ad-admin", Short: "The Microsoft Entra administrator of a server"}
	cmd.AddCommand(c.newAdminCreateCommand(), c.newAdminShowCommand(), c.newAdminListCommand(), c.newAdminDeleteCommand())
	return cmd
}

func (c *CLI) newAdminCreateCommand() *cobra.Command {
	var (
		on                        onServer
		login, objectID, identity string
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Set the administrator of a server: who may run CREATE AADUSER",
		Long: `Set the Microsoft Entra administrator of a server. There is one; another takes its
place. --identity is the identity with which the server would read the directory in
Azure; here the server needs none, and the option may be left out.`,
		Example: "  midas mysql flexible-server ad-admin create -g myResourceGroup -s mydb -u aad_admin -i $OBJECT_ID",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd, "display-name", "object-id")
			if err != nil {
				return err
			}
			properties := map[string]any{
				"administratorType": "ActiveDirectory", "login": login, "sid": objectID, "tenantId": a.Operator.TenantID,
			}
			if identity != "" {
				if properties["identityResourceId"], err = a.giveServer(cmd.Context(), server, identity); err != nil {
					return err
				}
			}
			path := serverKind.Path(server, armclient.Administrator...)
			if _, err := a.Do(cmd.Context(), http.MethodPut, path, map[string]any{"properties": properties}); err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			return c.Print(adminShape(answer))
		},
	}
	on.bind(cmd)
	cmd.Flags().StringVarP(&login, "display-name", "u", "", "MySQL user name that the administrator signs in with")
	cmd.Flags().StringVarP(&objectID, "object-id", "i", "", "object id of the user, group or identity")
	cmd.Flags().StringVar(&identity, "identity", "", "identity of the server, by id or by name in the same group")
	return cmd
}

// giveServer makes a server hold an identity, unless it does so already, and returns
// the identity's id.
func (a *api) giveServer(ctx context.Context, server armclient.Ref, identity string) (string, error) {
	wanted, err := identitiesOf(server, []string{identity})
	if err != nil {
		return "", err
	}
	if wanted.system {
		return "", usage.Errorf("--identity %s: a server has no identity of its own", identity)
	}
	before, err := a.Do(ctx, http.MethodGet, serverKind.Path(server), nil)
	if err != nil {
		return "", err
	}
	id := wanted.assigned[0]
	has := holdingsOf(armclient.Member(before, "identity"))
	if slices.ContainsFunc(has.assigned, func(have string) bool { return strings.EqualFold(have, id) }) {
		return id, nil
	}
	_, err = a.Do(ctx, http.MethodPatch, serverKind.Path(server), map[string]any{"identity": wanted.body()})
	return id, err
}

func (c *CLI) newAdminShowCommand() *cobra.Command {
	var on onServer
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the administrator of a server",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodGet, serverKind.Path(server, armclient.Administrator...), nil)
			if err != nil {
				return err
			}
			return c.Print(adminShape(answer))
		},
	}
	on.bind(cmd)
	return cmd
}

func (c *CLI) newAdminListCommand() *cobra.Command {
	var on onServer
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the administrator of a server, if there is one",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), serverKind.Path(server, armclient.Administrator[0]))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = adminShape(all[i])
			}
			return c.Print(all)
		},
	}
	on.bind(cmd)
	return cmd
}

func (c *CLI) newAdminDeleteCommand() *cobra.Command {
	var (
		on  onServer
		yes bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Remove the administrator of a server, and aad_auth_only with it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			if err := c.Confirm(yes, "remove the administrator of server "+server.Name); err != nil {
				return err
			}
			if _, err := a.Do(cmd.Context(), http.MethodDelete, serverKind.Path(server, armclient.Administrator...), nil); err != nil {
				return err
			}
			return a.allowPasswords(cmd.Context(), server)
		},
	}
	on.bind(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// allowPasswords turns aad_auth_only off as az does: without an administrator it
// would lock everybody out.
func (a *api) allowPasswords(ctx context.Context, server armclient.Ref) error {
	path := serverKind.Path(server, "configurations", "aad_auth_only")
	answer, err := a.Do(ctx, http.MethodGet, path, nil)
	if midas.CodeOf(err) == midas.NotFound {
		return nil
	}
	if err != nil || !strings.EqualFold(armclient.Text(answer, "properties", "value"), "ON") {
		return err
	}
	_, err = a.Do(ctx, http.MethodPatch, path, parameterBody("OFF", ""))
	return err
}

// adminShape is az's form of an administrator.
func adminShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		return flattened(body, "administratorType", "identityResourceId", "login", "sid", "systemData", "tenantId", "type")
	}
	return answer
}
