package azcli

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

func (c *CLI) newADSPCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sp", Short: "Service principals: who an application or managed identity is"}
	cmd.AddCommand(
		c.newADSPCreateCommand(), c.newADSPForRBACCommand(), c.newADSPListCommand(),
		c.onPrincipal(spKind, "show", "Show one service principal", http.MethodGet),
		c.onPrincipal(spKind, "delete", "Delete a service principal; its application stays", http.MethodDelete),
		c.newADCredentialCommand(spKind),
	)
	return cmd
}

func (c *CLI) newADSPCreateCommand() *cobra.Command {
	p := principalFlag{kind: applicationKind}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Give an application its service principal",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := p.open(c, cmd)
			if err != nil {
				return err
			}
			app, err := a.Do(cmd.Context(), http.MethodGet, armclient.GraphPath("applications", id), nil)
			if err != nil {
				return err
			}
			return c.askGraph(cmd, http.MethodPost, armclient.GraphPath("servicePrincipals"), map[string]any{"appId": armclient.Member(app, "appId"), "accountEnabled": true})
		},
	}
	p.bind(cmd)
	return cmd
}

func (c *CLI) newADSPListCommand() *cobra.Command {
	var spn, name, filter string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the service principals, those of managed identities too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Columns = "[].{DisplayName: displayName, Id: id, AppId: appId, CreatedDateTime: createdDateTime}"
			return c.printList(cmd, filtered(armclient.GraphPath("servicePrincipals"), filter,
				where("servicePrincipalNames/any(c:c eq %s)", spn), where("startswith(displayName,%s)", name)))
		},
	}
	cmd.Flags().StringVar(&spn, "spn", "", "client id or identifier URI")
	bindSearch(cmd, &name, &filter)
	bindAll(cmd)
	return cmd
}

func (c *CLI) newADSPForRBACCommand() *cobra.Command {
	var (
		name, role string
		scopes     []string
		f          credentialFlags
	)
	cmd := &cobra.Command{
		Use:   "create-for-rbac",
		Short: "Make an application with its service principal, a credential and, if asked, a role",
		Example: `  midas ad sp create-for-rbac --name myApp --role Contributor \
    --scopes $(midas group show --name myResourceGroup --query id --output tsv)`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (role == "") != (len(compact(scopes)) == 0) {
				return usage.Errorf("a role needs scopes, and scopes a role").WithHint("give both --role and --scopes, or neither")
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			if name == "" {
				name = "azure-cli-" + c.now().UTC().Format("2006-01-02-15-04-05")
			}
			answer, err := c.createForRBAC(cmd, a, name, f, role, compact(scopes))
			if err != nil {
				return err
			}
			return c.Print(answer)
		},
	}
	cmd.Flags().StringVarP(&name, "name", "n", "", "name of the application (default azure-cli- and the time)")
	cmd.Flags().StringVar(&name, "display-name", "", "the same as --name")
	cmd.Flags().StringVar(&role, "role", "", "role to give, by name or id")
	cmd.Flags().StringArrayVar(&scopes, "scopes", nil, "ids of what the role is for")
	f.bind(cmd)
	return cmd
}

func (c *CLI) createForRBAC(cmd *cobra.Command, a *api, name string, f credentialFlags, role string, scopes []string) (any, error) {
	ctx := cmd.Context()
	var roleID string
	if role != "" { // before anything is made
		var err error
		if roleID, err = a.roleID(ctx, "/subscriptions/"+a.Operator.SubscriptionID, role); err != nil {
			return nil, err
		}
		for i := range scopes {
			if scopes[i], err = cleanScope(scopes[i]); err != nil {
				return nil, err
			}
		}
	}
	app, err := a.ensureApplication(ctx, name, map[string]any{"displayName": name})
	if err != nil {
		return nil, err
	}
	if f.cert == "" {
		f.name = "rbac"
	}
	answer, err := c.resetCredential(cmd, a, applicationKind, armclient.Text(app, "id"), f)
	if err != nil {
		return nil, err
	}
	principal, err := a.ensureServicePrincipal(ctx, armclient.Text(app, "appId"))
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		if err := a.giveRole(ctx, scope, roleID, principal); err != nil {
			return nil, err
		}
	}
	answer["displayName"] = name
	return answer, nil
}

func (a *api) ensureServicePrincipal(ctx context.Context, appID string) (id string, err error) {
	id, err = a.findOne(ctx, filtered(armclient.GraphPath("servicePrincipals"), where("appId eq %s", appID)), "service principal of "+appID)
	if id != "" || err != nil {
		return id, err
	}
	answer, err := a.Do(ctx, http.MethodPost, armclient.GraphPath("servicePrincipals"), map[string]any{"appId": appID, "accountEnabled": true})
	return armclient.Text(answer, "id"), err
}

// giveRole gives a role, unless the principal has it already.
func (a *api) giveRole(ctx context.Context, scope, roleID, principalID string) error {
	_, err := a.Do(ctx, http.MethodPut, scope+roleAssignments+"/"+uuid.NewString()+authorizationQuery(""), map[string]any{"properties": map[string]any{
		"roleDefinitionId": roleID, "principalId": principalID, "principalType": "ServicePrincipal",
	}})
	if midas.CodeOf(err) == midas.Conflict && strings.Contains(err.Error(), "RoleAssignmentExists") {
		return nil
	}
	return err
}
