package azcli

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

func (c *CLI) newLogoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Sign out: the command line is the local operator again",
		RunE:  func(*cobra.Command, []string) error { return armclient.RemoveLogin(c.StateDir) },
	}
}

func (c *CLI) newAccountCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "The current identity of the command line"}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show the current identity, and its subscription",
		RunE: func(cmd *cobra.Command, _ []string) error {
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			return c.Print(account)
		},
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "The same as a list, for az's sake",
		RunE: func(cmd *cobra.Command, _ []string) error {
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			return c.Print([]any{account})
		},
	}
	cmd.AddCommand(show, list, c.newAccessTokenCommand())
	return cmd
}

func (c *CLI) account(cmd *cobra.Command) (any, error) {
	a, err := c.api()
	if err != nil {
		return nil, err
	}
	all, err := a.List(cmd.Context(), "/subscriptions?api-version=2022-12-01")
	if err != nil {
		return nil, err
	}
	login, err := armclient.ReadLogin(c.StateDir)
	if err != nil {
		return nil, err
	}
	if login == nil {
		login = &armclient.Login{Kind: armclient.LoginSecret, Name: a.Operator.ClientID, TenantID: a.Operator.TenantID}
	}
	return accountShape(login, all), nil
}

// accountShape is az's form of an account.
func accountShape(l *armclient.Login, subscriptions []any) any {
	kind := "servicePrincipal"
	if l.Kind == armclient.LoginPerson {
		kind = "user"
	}
	user := map[string]any{"name": l.Name, "type": kind}
	if l.Kind == armclient.LoginIdentity {
		user["assignedIdentityInfo"] = "MSI"
	}
	out := map[string]any{
		"environmentName": "midas", "homeTenantId": l.TenantID, "tenantId": l.TenantID, "isDefault": true,
		"managedByTenants": []any{}, "user": user, "id": l.TenantID, "name": "N/A(tenant level account)", "state": "Enabled",
	}
	if len(subscriptions) > 0 {
		out["id"], out["name"], out["state"] = armclient.Text(subscriptions[0], "subscriptionId"), armclient.Text(subscriptions[0], "displayName"), armclient.Text(subscriptions[0], "state")
	}
	return out
}

// resourceTypes are az's words for what a token may be for.
var resourceTypes = map[string]string{"arm": armclient.Audience, "ms-graph": armclient.GraphAudience, "oss-rdbms": midas.Resource}

func (c *CLI) newAccessTokenCommand() *cobra.Command {
	var resource, kind, scope string
	cmd := &cobra.Command{
		Use:     "get-access-token",
		Short:   "Print a token with its expiry",
		Example: "  midas account get-access-token --resource-type oss-rdbms --query accessToken --output tsv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind != "" {
				known, ok := resourceTypes[kind]
				if !ok {
					return usage.Errorf("--resource-type %q is not known", kind).WithHint("choose from arm, ms-graph, oss-rdbms, or name the resource with --resource")
				}
				resource = known
			}
			if scope == "" {
				scope = resource + "/.default"
			}
			credential, _, err := c.Credential("")
			if err != nil {
				return err
			}
			t, err := credential.GetToken(cmd.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
			if err != nil {
				return err
			}
			cfg, err := c.SignedIn()
			if err != nil {
				return err
			}
			answer := armclient.TokenAnswer(t)
			answer["tenant"], answer["subscription"] = cfg.Operator.TenantID, cfg.Operator.SubscriptionID
			return c.Print(answer)
		},
	}
	cmd.Flags().StringVar(&resource, "resource", armclient.Audience, "what the token is for")
	cmd.Flags().StringVar(&kind, "resource-type", "", "the same in a word: arm, ms-graph, oss-rdbms")
	cmd.Flags().StringVar(&scope, "scope", "", "the same as a scope, such as RESOURCE/.default")
	return cmd
}
