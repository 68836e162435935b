package azcli

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

func (c *CLI) newResourceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "resource", Short: "Resources of all kinds"}
	cmd.AddCommand(c.newResourceListCommand())
	return cmd
}

func (c *CLI) newResourceListCommand() *cobra.Command {
	var group, kind, namespace, name, tag, location string
	cmd := &cobra.Command{
		Use: "list", Short: "List resources of all kinds",
		Example: "  midas resource list --tag team=a --output table",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			if namespace != "" {
				kind = namespace + "/" + kind
			}
			tagName, tagValue, valued := strings.Cut(tag, "=")
			var filter []string
			for _, one := range [][2]string{
				{"resourceGroup", group}, {"name", name}, {"location", location}, {"resourceType", kind}, {"tagname", tagName}, {"tagvalue", tagValue},
			} {
				if one[1] != "" || one[0] == "tagvalue" && valued {
					filter = append(filter, one[0]+" eq "+quoted(one[1]))
				}
			}
			query := url.Values{"api-version": {armclient.GroupAPI}, "$expand": {"createdTime,changedTime,provisioningState"}}
			if len(filter) > 0 {
				query.Set("$filter", strings.Join(filter, " and "))
			}
			all, err := a.List(cmd.Context(), "/subscriptions/"+a.Operator.SubscriptionID+"/resources?"+strings.ReplaceAll(query.Encode(), "+", "%20"))
			if err != nil {
				return err
			}
			for i, one := range all {
				if body, ok := one.(map[string]any); ok {
					all[i] = flattened(body, "extendedLocation", "identity", "kind", "managedBy", "plan", "sku", "tags")
				}
			}
			c.Columns = "[].{Name: name, ResourceGroup: resourceGroup, Location: location, Type: type}"
			return c.Print(all)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&group, "resource-group", "g", "", "resource group")
	flags.StringVar(&kind, "resource-type", "", "type, as Microsoft.Compute/virtualMachines")
	flags.StringVar(&namespace, "namespace", "", "namespace, where the type has none")
	flags.StringVarP(&name, "name", "n", "", "name")
	flags.StringVar(&tag, "tag", "", "tag, as name or name=value")
	flags.StringVarP(&location, "location", "l", "", "location")
	return cmd
}
