package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/rest"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/tokensource"
)

func (c *cli) newTokenCommand() *cobra.Command {
	var (
		resource, clientID string
		decode             bool
	)
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an access token, the password for MySQL",
		Long: `Print an access token of whoever is here: on a VM ("midas vm run", "midas env --vm"),
in App Service or in a pod with workload identity, that workload; else whom midas
login has signed in; else the local operator, who is the administrator of servers created
without one.

The token is a password until it expires. A program's own prompt may cut it: pass it in
MYSQL_PWD or with --password=.`,
		Example: `  MYSQL_PWD=$(midas token) mysql -h mydb.mysql.database.azure.com -u operator
  midas token --decode --query exp`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			credential, _, err := c.credential(clientID)
			if err != nil {
				return err
			}
			raw, err := fetchToken(cmd.Context(), credential, resource)
			if err != nil {
				return err
			}
			if !decode {
				_, err = fmt.Fprintln(c.stdout, printable(raw))
				return err
			}
			claims, err := claimsOf(raw)
			if err != nil {
				return err
			}
			return c.print(claims)
		},
	}
	cmd.Flags().StringVar(&resource, "resource", midas.Resource, "what the token is for")
	cmd.Flags().StringVar(&clientID, "client-id", "", "which user-assigned identity of the workload")
	cmd.Flags().BoolVar(&decode, "decode", false, "print the claims instead; the token is not verified")
	return cmd
}

// credential is of the workload that this process is, or else of whom the command line is
// signed in as.
func (c *cli) credential(clientID string) (_ azcore.TokenCredential, workload bool, err error) {
	credential, err := tokensource.FromEnvironment(clientID)
	if midas.CodeOf(err) != midas.NotFound {
		return credential, true, err
	}
	if clientID != "" {
		return nil, false, usage.Errorf("--client-id chooses among the identities of a workload, and this is none").
			WithHint("run it on a VM: midas vm run NAME -- midas token --client-id %s", clientID)
	}
	cfg, err := c.signedIn()
	if err != nil {
		return nil, false, err
	}
	credential, err = newOperatorCredential(cfg)
	return credential, false, err
}

// operatorCredential gets the operator's tokens from the issuer, and explains why it
// cannot in the words of the other commands.
type operatorCredential struct {
	azcore.TokenCredential
	base string
	wire *armTransport
}

func newOperatorCredential(cfg armConfig) (*operatorCredential, error) {
	wire, err := newARMTransport(cfg)
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(cfg.Control, "/")
	credential, err := newCredential(cfg, wire)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "sign in at %s: %w", base, err).WithHint("%s", midas.HintOf(err))
	}
	return &operatorCredential{credential, base, wire}, nil
}

// GetToken implements azcore.TokenCredential.
func (o *operatorCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := o.TokenCredential.GetToken(ctx, options)
	if err != nil {
		return t, o.wire.explain(ctx, o.base, err)
	}
	return t, nil
}

// operatorToken gets a token of the operator for resource.
func operatorToken(ctx context.Context, control, authority string, operator statedir.Operator, resource string) (string, error) {
	credential, err := newOperatorCredential(armConfig{Control: control, CA: authority, Operator: operator})
	if err != nil {
		return "", err
	}
	return fetchToken(ctx, credential, resource)
}

func fetchToken(ctx context.Context, credential azcore.TokenCredential, resource string) (string, error) {
	t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	switch {
	case err == nil:
		return t.Token, nil
	case midas.CodeOf(err) != midas.Internal: // explained already
		return "", err
	}
	return "", midas.Errorf(midas.Unauthenticated, "get a token for %s: %w", resource, err)
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
