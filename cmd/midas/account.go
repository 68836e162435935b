package main

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

func (c *cli) newLogoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End what midas login began: the command line is the local operator again",
		RunE:  func(*cobra.Command, []string) error { return removeLogin(c.stateDir) },
	}
}

func (c *cli) newAccountCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Whom the command line is signed in as"}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show whom the command line is signed in as, and its subscription",
		RunE: func(cmd *cobra.Command, _ []string) error {
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			return c.print(account)
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
			return c.print([]any{account})
		},
	}
	cmd.AddCommand(show, list, c.newAccessTokenCommand())
	return cmd
}

func (c *cli) account(cmd *cobra.Command) (any, error) {
	a, err := c.arm()
	if err != nil {
		return nil, err
	}
	all, err := a.list(cmd.Context(), "/subscriptions?api-version=2022-12-01")
	if err != nil {
		return nil, err
	}
	login, err := readLogin(c.stateDir)
	if err != nil {
		return nil, err
	}
	if login == nil {
		login = &Login{Kind: loginSecret, Name: a.operator.ClientID, TenantID: a.operator.TenantID}
	}
	return accountShape(login, all), nil
}

// accountShape is az's form of an account.
func accountShape(l *Login, subscriptions []any) any {
	kind := "servicePrincipal"
	if l.Kind == loginPerson {
		kind = "user"
	}
	user := map[string]any{"name": l.Name, "type": kind}
	if l.Kind == loginIdentity {
		user["assignedIdentityInfo"] = "MSI"
	}
	out := map[string]any{
		"environmentName": "midas", "homeTenantId": l.TenantID, "tenantId": l.TenantID, "isDefault": true,
		"managedByTenants": []any{}, "user": user, "id": l.TenantID, "name": "N/A(tenant level account)", "state": "Enabled",
	}
	if len(subscriptions) > 0 {
		out["id"], out["name"], out["state"] = words(subscriptions[0], "subscriptionId"), words(subscriptions[0], "displayName"), words(subscriptions[0], "state")
	}
	return out
}

// resourceTypes are az's words for what a token may be for.
var resourceTypes = map[string]string{"arm": armAudience, "ms-graph": graphAudience, "oss-rdbms": midas.Resource}

func (c *cli) newAccessTokenCommand() *cobra.Command {
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
			credential, _, err := c.credential("")
			if err != nil {
				return err
			}
			t, err := credential.GetToken(cmd.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
			if err != nil {
				return err
			}
			cfg, err := c.signedIn()
			if err != nil {
				return err
			}
			return c.print(map[string]any{
				"accessToken": t.Token, "tokenType": "Bearer", "tenant": cfg.Operator.TenantID, "subscription": cfg.Operator.SubscriptionID,
				"expiresOn": t.ExpiresOn.Local().Format("2006-01-02 15:04:05.000000"), "expires_on": t.ExpiresOn.Truncate(time.Second).Unix(),
			})
		},
	}
	cmd.Flags().StringVar(&resource, "resource", armAudience, "what the token is for")
	cmd.Flags().StringVar(&kind, "resource-type", "", "the same in a word: arm, ms-graph, oss-rdbms")
	cmd.Flags().StringVar(&scope, "scope", "", "the same as a scope, such as RESOURCE/.default")
	return cmd
}

// decodeAnswer reads a JSON answer.
func decodeAnswer(response *http.Response, into any) error {
	return json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into)
}
