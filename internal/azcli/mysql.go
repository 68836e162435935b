package azcli

import (
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

// serverKind is a MySQL server that the gateway fronts.
var serverKind = kind{
	Kind:    armclient.Servers,
	confirm: true,
	shape: func(body map[string]any) any {
		return flattened(body, "administratorLogin", "fullyQualifiedDomainName", "identity", "sku", "state", "systemData", "tags", "version")
	},
}

func (c *CLI) newMySQLCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mysql", Short: "MySQL servers and who administers them"}
	cmd.AddCommand(c.newFlexibleServerCommand(), c.newAADUserCommand())
	return cmd
}

func (c *CLI) newFlexibleServerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "flexible-server", Short: "MySQL servers"}
	cmd.AddCommand(
		c.newServerCreateCommand(),
		c.newShowCommand(serverKind, "  midas mysql flexible-server show --resource-group myResourceGroup --name mydb --query fullyQualifiedDomainName --output tsv"),
		c.newListCommand(serverKind),
		c.newDeleteCommand(serverKind),
		c.newAdminCommand(),
		c.newParameterCommand(),
	)
	return cmd
}

func (c *CLI) newServerCreateCommand() *cobra.Command {
	n := creation{kind: serverKind}
	var version string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a MySQL server at the gateway",
		Long: `Create a MySQL server: a name that the gateway answers for, in front of the backend
that "midas up" was started with. Nobody administers it with a password: its first
Microsoft Entra administrator is the operator of this midas.`,
		Example: "  midas mysql flexible-server create --resource-group myResourceGroup --name mydb",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.create(cmd, &n, func(_ armclient.Ref, body map[string]any) error {
				properties := map[string]any{"createMode": "Create"}
				setGiven(properties, "version", version)
				body["properties"] = properties
				return nil
			})
			if err != nil {
				return err
			}
			return c.Print(createdServer(answer))
		},
	}
	n.bind(cmd)
	cmd.Flags().StringVar(&version, "version", "", "MySQL version, for show; the backend decides")
	cmd.Flags().StringP("admin-user", "u", "", "accepted, not used")
	cmd.Flags().StringP("admin-password", "p", "", "accepted, not used")
	cmd.Flags().BoolP("yes", "y", false, "accepted, not used: nothing is asked")
	bindUnused(cmd, "admin-user", "admin-password", "yes", "sku-name", "tier", "storage-size", "public-access", "storage-auto-grow", "backup-retention", "iops",
		"high-availability", "geo-redundant-backup", "database-name", "vnet", "subnet", "zone", "standby-zone", "private-dns-zone")
	return cmd
}

// createdServer is what az prints after creating a server, without a password.
func createdServer(answer any) map[string]any {
	return map[string]any{
		"host":          armclient.Member(answer, "properties", "fullyQualifiedDomainName"),
		"id":            armclient.Member(answer, "id"),
		"location":      armclient.Member(answer, "location"),
		"resourceGroup": groupOf(armclient.Text(answer, "id")),
		"skuname":       armclient.Member(answer, "sku", "name"),
		"username":      armclient.Member(answer, "properties", "administratorLogin"),
		"version":       armclient.Member(answer, "properties", "version"),
	}
}

func setGiven(object map[string]any, key, value string) {
	if value != "" {
		object[key] = value
	}
}
