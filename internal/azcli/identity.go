package azcli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

var identityKind = kind{
	Kind: armclient.Identities,
	shape: func(body map[string]any) any {
		return flattened(body, "systemData", "tags")
	},
}

func (c *CLI) newIdentityCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "User-assigned managed identities"}
	cmd.AddCommand(
		c.newIdentityCreateCommand(),
		c.newShowCommand(identityKind, `  RESOURCE_ID=$(midas identity show --resource-group myResourceGroup --name myManagedIdentity --query id --output tsv)
  CLIENT_ID=$(midas identity show --resource-group myResourceGroup --name myManagedIdentity --query clientId --output tsv)`),
		c.newListCommand(identityKind),
		c.newIdentityUpdateCommand(),
		c.newDeleteCommand(identityKind),
		c.newIdentityResourcesCommand(),
		c.newFederatedCommand(),
	)
	return cmd
}

func (c *CLI) newIdentityCreateCommand() *cobra.Command {
	n := creation{kind: identityKind}
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Create an identity, or change its tags",
		Example: "  midas identity create --resource-group myResourceGroup --name myManagedIdentity",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.create(cmd, &n, nil)
			if err != nil {
				return err
			}
			return c.Print(identityKind.shaped(answer))
		},
	}
	n.bind(cmd)
	return cmd
}

func (c *CLI) newIdentityUpdateCommand() *cobra.Command {
	var (
		t    target
		tags []string
	)
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Change the tags of an identity",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, identityKind)
			if err != nil {
				return err
			}
			body := map[string]any{}
			if cmd.Flags().Changed("tags") {
				body["tags"] = tagsOf(tags)
			}
			return c.printEach(refs, func(r armclient.Ref) (any, error) {
				answer, err := a.Do(cmd.Context(), http.MethodPatch, identityKind.Path(r), body)
				return identityKind.shaped(answer), err
			})
		},
	}
	t.bindIDs(cmd, "identity")
	bindTags(cmd, &tags)
	return cmd
}

func (c *CLI) newIdentityResourcesCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:     "list-resources",
		Short:   "List the VMs and servers that have an identity",
		Example: "  midas identity list-resources --resource-group myResourceGroup --name myManagedIdentity",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			r, err := t.ref(cmd, a)
			if err != nil {
				return err
			}
			all, err := a.ListBy(cmd.Context(), http.MethodPost, identityKind.Path(r, "listAssociatedResources"))
			if err != nil {
				return err
			}
			c.Columns = "[].{Name: name, ResourceGroup: resourceGroup, Type: type}"
			return c.Print(all)
		},
	}
	t.bind(cmd, "identity")
	return cmd
}
