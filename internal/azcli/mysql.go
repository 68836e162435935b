package azcli

import (
	"net/http"

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
		c.newServerUpdateCommand(),
		c.newPowerCommand("start", "Start a MySQL server that was stopped"),
		c.newPowerCommand("stop", "Stop a MySQL server; its data stays, and it is not started again by itself"),
		c.newPowerCommand("restart", "Stop a MySQL server and start it again"),
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
		Long: `Create a MySQL server: a name that the gateway answers for, in front of a database of
its own. "midas up" says what that is: a private server, which is started now, an engine in
memory, or a database that you have. Nobody administers it with a password: its first
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
	cmd.Flags().StringVar(&version, "version", "", "version of a private server, such as 8.4 or mariadb10.11: of those installed, the nearest; else for show")
	cmd.Flags().StringP("admin-user", "u", "", "accepted, not used")
	cmd.Flags().StringP("admin-password", "p", "", "accepted, not used")
	cmd.Flags().BoolP("yes", "y", false, "accepted, not used: nothing is asked")
	bindUnused(cmd, "admin-user", "admin-password", "yes", "sku-name", "tier", "storage-size", "public-access", "storage-auto-grow", "backup-retention", "iops",
		"high-availability", "geo-redundant-backup", "database-name", "vnet", "subnet", "zone", "standby-zone", "private-dns-zone")
	return cmd
}

func (c *CLI) newServerUpdateCommand() *cobra.Command {
	var (
		t       target
		version string
	)
	cmd := &cobra.Command{
		Use:     "update",
		Short:   "Change the version of a MySQL server",
		Example: "  midas mysql flexible-server update --resource-group myResourceGroup --name mydb --version 8.4",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, serverKind)
			if err != nil {
				return err
			}
			properties := map[string]any{}
			setGiven(properties, "version", version)
			return c.printEach(refs, func(r armclient.Ref) (any, error) {
				answer, err := a.Do(cmd.Context(), http.MethodPatch, serverKind.Path(r), map[string]any{"properties": properties})
				return serverKind.shaped(answer), err
			})
		},
	}
	t.bindIDs(cmd, serverKind.Word)
	cmd.Flags().StringVar(&version, "version", "", "version of a private server, such as 8.4 or mariadb10.11: of those installed, the nearest; else for show")
	cmd.Flags().BoolP("yes", "y", false, "accepted, not used: nothing is asked")
	bindUnused(cmd, "yes")
	return cmd
}

// newPowerCommand makes a command that starts or stops servers.
func (c *CLI) newPowerCommand(word, short string) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:     word,
		Short:   short,
		Example: "  midas mysql flexible-server " + word + " --resource-group myResourceGroup --name mydb",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, serverKind)
			if err != nil {
				return err
			}
			for _, r := range refs {
				if _, err := a.Do(cmd.Context(), http.MethodPost, serverKind.Path(r, word), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
	t.bindIDs(cmd, serverKind.Word)
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
