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
		Example: `  midas ca > ca.pem
  mysql --ssl-ca=$(midas ca --path) --ssl-mode=VERIFY_CA …
  REQUESTS_CA_BUNDLE=$(midas ca --path) az login …`,
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
