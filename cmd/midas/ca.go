package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

func (c *cli) newCACommand() *cobra.Command {
	var path bool
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Print the certificate authority that clients must trust",
		Long: `Print the certificate of the authority that midas's own certificates are from. Clients
trust it by an option of theirs: mysql --ssl-ca=FILE, curl --cacert FILE, and for az and
other programs in Python the variable REQUESTS_CA_BUNDLE.`,
		Example: `  midas ca > ca.pem
  midas ca --path`,
		RunE: func(*cobra.Command, []string) error {
			file := statedir.CAPath(c.StateDir)
			certificate, err := os.ReadFile(file)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return midas.Errorf(midas.NotFound, "state %s has no certificate authority yet", c.StateDir).
					WithHint("midas up makes one")
			case err != nil:
				return midas.Errorf(midas.Internal, "certificate authority: %w", err)
			}
			if path {
				_, err = fmt.Fprintln(c.Out, file)
				return err
			}
			_, err = c.Out.Write(certificate)
			return err
		},
	}
	cmd.Flags().BoolVar(&path, "path", false, "print the path of the file instead")
	return cmd
}
