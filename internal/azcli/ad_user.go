package azcli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
)

func (c *CLI) newADUserCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "People"}
	cmd.AddCommand(c.newADUserCreateCommand(), c.newADUserShowCommand(), c.newADUserListCommand(),
		c.newADUserUpdateCommand(), c.newADUserDeleteCommand(), c.newADUserGroupsCommand())
	return cmd
}

func (c *CLI) newADUserCreateCommand() *cobra.Command {
	var (
		upn, name, password, nickname, immutable string
		force                                    bool
	)
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Create a user",
		Example: `  midas ad user create --user-principal-name alice@contoso.com --display-name "Alice Adams" --password "$PASSWORD"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "user-principal-name", "display-name", "password"); err != nil {
				return err
			}
			if nickname == "" {
				nickname, _, _ = strings.Cut(upn, "@")
			}
			body := map[string]any{
				"accountEnabled": true, "userPrincipalName": upn, "displayName": name, "mailNickname": nickname,
				"passwordProfile": map[string]any{"password": password, "forceChangePasswordNextSignIn": force},
			}
			if immutable != "" {
				body["onPremisesImmutableId"] = immutable
			}
			return c.askGraph(cmd, http.MethodPost, armclient.GraphPath("users"), body)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&upn, "user-principal-name", "", "name to sign in with, someone@some.domain")
	flags.StringVar(&name, "display-name", "", "name to show")
	flags.StringVar(&password, "password", "", "password, of 8 characters or more and three kinds of them")
	flags.StringVar(&nickname, "mail-nickname", "", "mail alias (default what comes before the @)")
	flags.StringVar(&immutable, "immutable-id", "", "id in another directory that this user is synchronised with")
	flags.BoolVar(&force, "force-change-password-next-sign-in", false, "let the password be good for nothing until it is changed")
	return cmd
}

// bindUserID adds az's flag for a user.
func bindUserID(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "id", "", "object id or user principal name")
}

func (c *CLI) newADUserShowCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show one user",
		Example: "  OBJECT_ID=$(midas ad user show --id alice@contoso.com --query id --output tsv)",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "id"); err != nil {
				return err
			}
			return c.askGraph(cmd, http.MethodGet, armclient.GraphPath("users", id), nil)
		},
	}
	bindUserID(cmd, &id)
	return cmd
}

func (c *CLI) newADUserListCommand() *cobra.Command {
	var upn, name, filter string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Columns = "[].{DisplayName: displayName, UserPrincipalName: userPrincipalName, Id: id}"
			return c.printList(cmd, filtered(armclient.GraphPath("users"), filter,
				where("userPrincipalName eq %s", upn), where("startswith(displayName,%s)", name)))
		},
	}
	cmd.Flags().StringVar(&upn, "upn", "", "user principal name")
	bindSearch(cmd, &name, &filter)
	return cmd
}

// bindSearch adds the flags by which az narrows every list of the directory.
func bindSearch(cmd *cobra.Command, name, filter *string) {
	cmd.Flags().StringVar(name, "display-name", "", "display name, or how it begins")
	cmd.Flags().StringVar(filter, "filter", "", "OData filter, such as \"displayName eq 'x'\"")
}

func (c *CLI) newADUserUpdateCommand() *cobra.Command {
	var (
		id, name, password, nickname string
		force, enabled               bool
	)
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Change a user: name, password, or whether the account is enabled",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "id"); err != nil {
				return err
			}
			values := map[string]any{
				"display-name": name, "mail-nickname": nickname, "account-enabled": enabled,
				"password": password, "force-change-password-next-sign-in": force,
			}
			body := given(cmd, map[string]string{"display-name": "displayName", "mail-nickname": "mailNickname", "account-enabled": "accountEnabled"}, values)
			profile := given(cmd, map[string]string{"password": "password", "force-change-password-next-sign-in": "forceChangePasswordNextSignIn"}, values)
			if len(profile) > 0 {
				body["passwordProfile"] = profile
			}
			return c.askGraph(cmd, http.MethodPatch, armclient.GraphPath("users", id), body)
		},
	}
	bindUserID(cmd, &id)
	flags := cmd.Flags()
	flags.StringVar(&name, "display-name", "", "name to show")
	flags.StringVar(&password, "password", "", "new password")
	flags.StringVar(&nickname, "mail-nickname", "", "mail alias")
	flags.BoolVar(&enabled, "account-enabled", true, "whether the user may sign in")
	flags.BoolVar(&force, "force-change-password-next-sign-in", false, "let the password be good for nothing until it is changed")
	return cmd
}

func (c *CLI) newADUserDeleteCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete a user, with all memberships and roles",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "id"); err != nil {
				return err
			}
			return c.askGraph(cmd, http.MethodDelete, armclient.GraphPath("users", id), nil)
		},
	}
	bindUserID(cmd, &id)
	return cmd
}

func (c *CLI) newADUserGroupsCommand() *cobra.Command {
	var (
		id       string
		security bool
	)
	cmd := &cobra.Command{
		Use:   "get-member-groups",
		Short: "List the groups that a user is in, through other groups too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "id"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			ids, err := a.memberGroups(cmd, armclient.GraphPath("users", id), security)
			if err != nil {
				return err
			}
			// Who may not read the directory sees the ids of their groups, without names.
			named, err := a.Do(cmd.Context(), http.MethodPost, armclient.GraphPath("directoryObjects", "getByIds"), map[string]any{"ids": ids, "types": []string{"group"}})
			if err != nil && midas.CodeOf(err) != midas.Forbidden {
				return err
			}
			names := map[string]any{}
			groups, _ := armclient.Member(named, "value").([]any)
			for _, g := range groups {
				names[armclient.Text(g, "id")] = armclient.Member(g, "displayName")
			}
			all := []any{}
			for _, id := range ids {
				text, _ := id.(string)
				all = append(all, map[string]any{"id": text, "displayName": names[text]})
			}
			return c.Print(all)
		},
	}
	bindUserID(cmd, &id)
	bindSecurityOnly(cmd, &security)
	return cmd
}

func bindSecurityOnly(cmd *cobra.Command, security *bool) {
	cmd.Flags().BoolVar(security, "security-enabled-only", false, "security groups only; here there are no others")
}

// memberGroups returns the ids of the groups that an object is in.
func (a *api) memberGroups(cmd *cobra.Command, path string, security bool) ([]any, error) {
	answer, err := a.Do(cmd.Context(), http.MethodPost, path+"/getMemberGroups", map[string]any{"securityEnabledOnly": security})
	if err != nil {
		return nil, err
	}
	ids, ok := armclient.Member(answer, "value").([]any)
	if !ok {
		return nil, midas.Errorf(midas.Internal, "the answer lists no groups")
	}
	return ids, nil
}
