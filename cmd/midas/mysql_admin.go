package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// adminChild is the path of the one administrator below a server: ARM knows no other.
var adminChild = []string{"administrators", "ActiveDirectory"}

// onServer holds the flags of commands about something below a server.
type onServer struct{ group, server string }

func (s *onServer) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.group, "resource-group", "g", "", "resource group")
	cmd.Flags().StringVarP(&s.server, "server-name", "s", "", "name of the server")
}

// open checks the flags and returns a client with the server they name.
func (s *onServer) open(c *cli, cmd *cobra.Command, also ...string) (*armClient, ref, error) {
	if err := need(cmd, append([]string{"resource-group", "server-name"}, also...)...); err != nil {
		return nil, ref{}, err
	}
	a, err := c.arm()
	if err != nil {
		return nil, ref{}, err
	}
	return a, ref{subscription: a.operator.SubscriptionID, group: s.group, name: s.server}, nil
}

func (c *cli) newAdminCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ad-admin", Short: "The Microsoft Entra administrator of a server"}
	cmd.AddCommand(c.newAdminCreateCommand(), c.newAdminShowCommand(), c.newAdminListCommand(), c.newAdminDeleteCommand())
	return cmd
}

func (c *cli) newAdminCreateCommand() *cobra.Command {
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
				"administratorType": "ActiveDirectory", "login": login, "sid": objectID, "tenantId": a.operator.TenantID,
			}
			if identity != "" {
				if properties["identityResourceId"], err = a.giveServer(cmd.Context(), server, identity); err != nil {
					return err
				}
			}
			path := serverKind.path(server, adminChild...)
			if _, err := a.do(cmd.Context(), http.MethodPut, path, map[string]any{"properties": properties}); err != nil {
				return err
			}
			answer, err := a.do(cmd.Context(), http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			return c.print(adminShape(answer))
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
func (a *armClient) giveServer(ctx context.Context, server ref, identity string) (string, error) {
	wanted, err := identitiesOf(server, []string{identity})
	if err != nil {
		return "", err
	}
	if wanted.system {
		return "", usage.Errorf("--identity %s: a server has no identity of its own", identity)
	}
	before, err := a.do(ctx, http.MethodGet, serverKind.path(server), nil)
	if err != nil {
		return "", err
	}
	id := wanted.assigned[0]
	has := holdingsOf(member(before, "identity"))
	if slices.ContainsFunc(has.assigned, func(have string) bool { return strings.EqualFold(have, id) }) {
		return id, nil
	}
	_, err = a.do(ctx, http.MethodPatch, serverKind.path(server), map[string]any{"identity": wanted.body()})
	return id, err
}

func (c *cli) newAdminShowCommand() *cobra.Command {
	var on onServer
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the administrator of a server",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			answer, err := a.do(cmd.Context(), http.MethodGet, serverKind.path(server, adminChild...), nil)
			if err != nil {
				return err
			}
			return c.print(adminShape(answer))
		},
	}
	on.bind(cmd)
	return cmd
}

func (c *cli) newAdminListCommand() *cobra.Command {
	var on onServer
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the administrator of a server, if there is one",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			all, err := a.list(cmd.Context(), serverKind.path(server, adminChild[0]))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = adminShape(all[i])
			}
			return c.print(all)
		},
	}
	on.bind(cmd)
	return cmd
}

func (c *cli) newAdminDeleteCommand() *cobra.Command {
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
			if err := c.confirm(yes, "remove the administrator of server "+server.name); err != nil {
				return err
			}
			if _, err := a.do(cmd.Context(), http.MethodDelete, serverKind.path(server, adminChild...), nil); err != nil {
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
func (a *armClient) allowPasswords(ctx context.Context, server ref) error {
	path := serverKind.path(server, "configurations", "aad_auth_only")
	answer, err := a.do(ctx, http.MethodGet, path, nil)
	if midas.CodeOf(err) == midas.NotFound {
		return nil
	}
	if err != nil || !strings.EqualFold(words(answer, "properties", "value"), "ON") {
		return err
	}
	_, err = a.do(ctx, http.MethodPatch, path, parameterBody("OFF", ""))
	return err
}

// adminShape is az's form of an administrator.
func adminShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		return flattened(body, "administratorType", "identityResourceId", "login", "sid", "systemData", "tenantId", "type")
	}
	return answer
}
