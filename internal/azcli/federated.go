package azcli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

// tokenExchange is the audience that tokens of outside issuers are usually made out to.
const tokenExchange = "api://AzureADTokenExchange"

// federatedTarget holds the flags that name a federated credential of an identity.
type federatedTarget struct{ group, identity, name string }

func (t *federatedTarget) bind(cmd *cobra.Command, named bool) {
	cmd.Flags().StringVarP(&t.group, "resource-group", "g", "", "resource group of the identity")
	cmd.Flags().StringVar(&t.identity, "identity-name", "", "name of the identity")
	if named {
		cmd.Flags().StringVarP(&t.name, "name", "n", "", "name of the federated credential")
	}
}

// path returns the ARM path of the credential, or of all of them.
func (t *federatedTarget) path(cmd *cobra.Command, a *api) (string, error) {
	below := []string{"federatedIdentityCredentials"}
	flags := []string{"resource-group", "identity-name"}
	if cmd.Flags().Lookup("name") != nil {
		flags = append(flags, "name")
		below = append(below, t.name)
	}
	if err := need(cmd, flags...); err != nil {
		return "", err
	}
	return identityKind.Path(armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: t.group, Name: t.identity}, below...), nil
}

func federatedShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		return flattened(body, "systemData")
	}
	return answer
}

func (c *CLI) newFederatedCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "federated-credential", Short: "Tokens of outside issuers that stand for an identity"}
	cmd.AddCommand(
		c.newFederatedPutCommand("create", "Let a token of an outside issuer stand for an identity"),
		c.newFederatedPutCommand("update", "Change which token that is"),
		c.newFederatedShowCommand(), c.newFederatedListCommand(), c.newFederatedDeleteCommand(),
	)
	return cmd
}

func (c *CLI) newFederatedPutCommand(use, short string) *cobra.Command {
	var (
		t               federatedTarget
		issuer, subject string
		audiences       []string
	)
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `.

Issuer, subject and audience compare byte for byte with the claims iss, sub and aud of
the token; a final slash of the issuer counts. The issuer's keys are fetched by its
OpenID Connect discovery document, from the public internet unless midas runs with
--federation-allow.`,
		Example: `  midas identity federated-credential ` + use + ` --resource-group myResourceGroup --identity-name myManagedIdentity \
    --name github --issuer https://token.actions.githubusercontent.com --subject repo:octo-org/octo-repo:ref:refs/heads/main`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "resource-group", "identity-name", "name"); err != nil {
				return err
			}
			if issuer == "" || subject == "" {
				return usage.Errorf("--issuer and --subject are needed")
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			path, err := t.path(cmd, a)
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPut, path, map[string]any{
				"properties": map[string]any{"issuer": issuer, "subject": subject, "audiences": audiences},
			})
			if err != nil {
				return err
			}
			return c.Print(federatedShape(answer))
		},
	}
	t.bind(cmd, true)
	cmd.Flags().StringVar(&issuer, "issuer", "", "the claim iss of the token, a URL")
	cmd.Flags().StringVar(&subject, "subject", "", "the claim sub of the token")
	cmd.Flags().StringArrayVar(&audiences, "audiences", []string{tokenExchange}, "the claim aud of the token")
	return cmd
}

func (c *CLI) newFederatedShowCommand() *cobra.Command {
	var t federatedTarget
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show one federated credential",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.onFederated(cmd, &t, http.MethodGet)
			if err != nil {
				return err
			}
			return c.Print(federatedShape(answer))
		},
	}
	t.bind(cmd, true)
	return cmd
}

func (c *CLI) newFederatedListCommand() *cobra.Command {
	var t federatedTarget
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the federated credentials of an identity",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			path, err := t.path(cmd, a)
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), path)
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = federatedShape(all[i])
			}
			return c.Print(all)
		},
	}
	t.bind(cmd, false)
	return cmd
}

func (c *CLI) newFederatedDeleteCommand() *cobra.Command {
	var (
		t   federatedTarget
		yes bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete one federated credential",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "resource-group", "identity-name", "name"); err != nil {
				return err
			}
			if err := c.Confirm(yes, "delete federated credential "+t.name); err != nil {
				return err
			}
			_, err := c.onFederated(cmd, &t, http.MethodDelete)
			return err
		},
	}
	t.bind(cmd, true)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// onFederated sends one request about a federated credential.
func (c *CLI) onFederated(cmd *cobra.Command, t *federatedTarget, method string) (any, error) {
	a, err := c.api()
	if err != nil {
		return nil, err
	}
	path, err := t.path(cmd, a)
	if err != nil {
		return nil, err
	}
	return a.Do(cmd.Context(), method, path, nil)
}
