package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/rest"
)

func (c *cli) newTokenCommand() *cobra.Command {
	var (
		resource, clientID string
		decode, managed    bool
	)
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an access token, the password for MySQL",
		Long: `Print an access token for the current identity: on a VM ("midas vm run", "midas env --vm"),
in App Service or in a pod with workload identity, that workload; else whom midas
login has signed in; else the local operator, who is the administrator of servers created
without one. With --output or --query the answer is an object, as az gives it.

The token is a password until it expires. A program's own prompt may cut it: pass it in
MYSQL_PWD or with --password=.`,
		Example: `  eval "$(midas env)" && MYSQL_PWD=$(midas token) mysql -u operator -e 'SELECT 1'
  midas token --query expiresOn
  midas token --decode --query exp`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			credential, _, err := c.Credential(clientID)
			if managed {
				credential, err = armclient.ManagedIdentity(clientID)
			}
			if err != nil {
				return err
			}
			t, err := armclient.FetchToken(cmd.Context(), credential, resource)
			if err != nil {
				return err
			}
			if decode {
				claims, err := claimsOf(t.Token)
				if err != nil {
					return err
				}
				return c.Print(claims)
			}
			if c.formatted(cmd) {
				return c.Print(armclient.TokenAnswer(t))
			}
			_, err = fmt.Fprintln(c.Out, output.Printable(t.Token))
			return err
		},
	}
	cmd.Flags().StringVar(&resource, "resource", midas.Resource, "what the token is for")
	cmd.Flags().StringVar(&clientID, "client-id", "", "which user-assigned identity of the workload")
	cmd.Flags().BoolVar(&managed, "managed-identity", false, "a token of this machine's managed identity, on a virtual machine of Azure for one, even where midas login has signed somebody in")
	cmd.Flags().BoolVar(&decode, "decode", false, "print the claims instead; the token is not verified")
	return cmd
}

// claimsOf reads the claims of a token for people to see. It verifies nothing.
func claimsOf(raw string) (map[string]any, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, midas.Errorf(midas.Invalid, "the token is not a JWT: it has %d parts, not 3", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "the token's claims are not base64url")
	}
	if err := rest.CheckNesting(text); err != nil {
		return nil, midas.Errorf(midas.Invalid, "the token's claims: %w", err)
	}
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return nil, midas.Errorf(midas.Invalid, "the token's claims are not a JSON object")
	}
	return claims, nil
}
