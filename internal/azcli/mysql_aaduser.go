package azcli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
)

func (c *CLI) newAADUserCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "aad-user", Short: "The accounts of a server that CREATE AADUSER made"}
	cmd.AddCommand(c.newAADUserRestoreCommand())
	return cmd
}

func (c *CLI) newAADUserRestoreCommand() *cobra.Command {
	var (
		on   onServer
		user string
		yes  bool
	)
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Confirm that a backup of the database was restored, so that its accounts open again",
		Long: `Confirm that a backup of the database was restored, so that its accounts open again.

midas keeps a sealed copy of the rows that map accounts to identities outside the
database, and writes rows again that were lost there. A row that is older than its copy,
or unknown to it, is refused: somebody may have put it back to open what was revoked.
This command believes such rows, if the account is in the database and midas made it, and
gives the account a new secret. An account that was dropped after the backup was made
opens again only when --name names it.

If the copy itself is refused because it was damaged or changed, this command sets it
aside and begins another with the rows that the database has.`,
		Example: `  midas mysql aad-user restore --resource-group myResourceGroup --server-name mydb --yes
  midas mysql aad-user restore -g myResourceGroup -s mydb --name app --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, server, err := on.open(c, cmd)
			if err != nil {
				return err
			}
			if err := c.Confirm(yes, "let the accounts of server "+server.Name+" open as the restored database says"); err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPost, serverKind.Path(server, "restoreAadUsers"), map[string]any{"userName": user})
			if err != nil {
				return err
			}
			all, _ := armclient.Member(answer, "value").([]any)
			if len(all) == 0 {
				fmt.Fprintln(c.Err, "nothing to restore: "+noneRefused(server.Name, user))
			}
			c.Columns = "[].{UserName: userName, Host: host, PrincipalId: principalId, Restored: restored, Reason: reason}"
			return c.Print(all)
		},
	}
	on.bind(cmd)
	cmd.Flags().StringVarP(&user, "name", "n", "", "only the accounts of this user name, also those dropped after the backup was made, or known by a replaced key alone")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// noneRefused is why nothing was restored. A misspelt name must not look like success.
func noneRefused(server, user string) string {
	if user != "" {
		return fmt.Sprintf("no refused account of server %s has the user name %s", server, output.Printable(user))
	}
	return fmt.Sprintf("no account of server %s was refused", server)
}
