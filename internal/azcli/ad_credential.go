package azcli

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

func (c *CLI) newADCredentialCommand(kind principalKind) *cobra.Command {
	cmd := &cobra.Command{Use: "credential", Short: "Secrets and certificates of one " + kind.word}
	cmd.AddCommand(c.newADCredentialResetCommand(kind), c.newADCredentialListCommand(kind), c.newADCredentialDeleteCommand(kind))
	return cmd
}

// credentialFlags are az's for a new credential.
type credentialFlags struct {
	name, end, cert string
	years           int
	keep            bool // --append
}

func (f *credentialFlags) bind(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.years, "years", 0, "how many years it is good for (default 1)")
	cmd.Flags().StringVar(&f.cert, "cert", "", "a certificate in PEM, or @FILE, in place of a secret")
}

// period is from now until when the flags say.
func (f *credentialFlags) period(now time.Time) (starts, ends time.Time, err error) {
	switch {
	case f.years != 0 && f.end != "":
		return now, ends, usage.Errorf("give --years or --end-date, not both")
	case f.years < 0:
		return now, ends, usage.Errorf("--years %d is not a number of years", f.years)
	case f.end == "":
		return now, now.AddDate(max(f.years, 1), 0, 0), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05"} {
		if ends, err = time.Parse(layout, f.end); err == nil {
			return now, ends, nil
		}
	}
	return now, ends, usage.Errorf("--end-date %q is not a date", f.end).WithHint("a date looks like 2030-12-31 or 2030-12-31T11:59:59+00:00")
}

// certificate reads --cert: a certificate in PEM, or the name of a file with one. What
// else is in the file, such as a key, is not sent.
func (f *credentialFlags) certificate() ([]byte, error) {
	text := []byte(f.cert)
	if name, isFile := strings.CutPrefix(f.cert, "@"); isFile {
		var err error
		if text, err = os.ReadFile(name); err != nil {
			return nil, midas.Errorf(midas.Invalid, "--cert: %w", err)
		}
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return block.Bytes, nil
		}
	}
	return nil, usage.Errorf("--cert holds no certificate in PEM")
}

func (c *CLI) newADCredentialResetCommand(kind principalKind) *cobra.Command {
	p, f := principalFlag{kind: kind}, credentialFlags{}
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Make a new credential and, unless told to keep them, remove the former ones",
		Long: `Make a new secret and print it: it cannot be had a second time. The secrets there
were are removed first, unless --append is given. With --cert, a certificate takes the
place of a secret.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := p.open(c, cmd)
			if err != nil {
				return err
			}
			answer, err := c.resetCredential(cmd, a, kind, id, f)
			if err != nil {
				return err
			}
			return c.Print(answer)
		},
	}
	p.bind(cmd)
	f.bind(cmd)
	cmd.Flags().StringVar(&f.end, "end-date", "", "when it ends, in place of --years")
	cmd.Flags().StringVar(&f.name, "display-name", "", "name of the credential")
	cmd.Flags().BoolVar(&f.keep, "append", false, "keep the credentials there are")
	return cmd
}

// resetCredential does so and returns what az prints of it.
func (c *CLI) resetCredential(cmd *cobra.Command, a *api, kind principalKind, id string, f credentialFlags) (map[string]any, error) {
	starts, ends, err := f.period(c.now().UTC())
	if err != nil {
		return nil, err
	}
	var der []byte
	if f.cert != "" {
		if der, err = f.certificate(); err != nil {
			return nil, err
		}
	}
	path := armclient.GraphPath(kind.set, id)
	before, err := a.Do(cmd.Context(), http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if !f.keep {
		secrets, _ := armclient.Member(before, "passwordCredentials").([]any)
		for _, s := range secrets {
			if _, err := a.Do(cmd.Context(), http.MethodPost, path+"/removePassword", map[string]any{"keyId": armclient.Member(s, "keyId")}); err != nil {
				return nil, err
			}
		}
	}
	out := map[string]any{"appId": armclient.Member(before, "appId"), "password": nil, "tenant": a.Operator.TenantID}
	if der != nil {
		keys := []any{}
		if had, ok := armclient.Member(before, "keyCredentials").([]any); ok && f.keep {
			keys = had
		}
		keys = append(keys, map[string]any{
			"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.StdEncoding.EncodeToString(der),
			"displayName": nullable(f.name), "endDateTime": ends.Format(time.RFC3339),
		})
		_, err := a.Do(cmd.Context(), http.MethodPatch, path, map[string]any{"keyCredentials": keys})
		return out, err
	}
	answer, err := a.Do(cmd.Context(), http.MethodPost, path+"/addPassword", map[string]any{"passwordCredential": map[string]any{
		"displayName": nullable(f.name), "startDateTime": starts.Format(time.RFC3339), "endDateTime": ends.Format(time.RFC3339),
	}})
	out["password"] = armclient.Member(answer, "secretText")
	return out, err
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (c *CLI) newADCredentialListCommand(kind principalKind) *cobra.Command {
	p := principalFlag{kind: kind}
	var cert bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the secrets, or the certificates, of one " + kind.word,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := p.open(c, cmd)
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodGet, armclient.GraphPath(kind.set, id), nil)
			if err != nil {
				return err
			}
			if cert {
				return c.Print(armclient.Member(answer, "keyCredentials"))
			}
			return c.Print(armclient.Member(answer, "passwordCredentials"))
		},
	}
	p.bind(cmd)
	cmd.Flags().BoolVar(&cert, "cert", false, "certificates in place of secrets")
	return cmd
}

func (c *CLI) newADCredentialDeleteCommand(kind principalKind) *cobra.Command {
	p := principalFlag{kind: kind}
	var (
		keyID string
		cert  bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete one secret or certificate",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := p.open(c, cmd, "key-id")
			if err != nil {
				return err
			}
			path := armclient.GraphPath(kind.set, id)
			if !cert {
				return c.askGraph(cmd, http.MethodPost, path+"/removePassword", map[string]any{"keyId": keyID})
			}
			answer, err := a.Do(cmd.Context(), http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			keys, _ := armclient.Member(answer, "keyCredentials").([]any)
			left := []any{}
			for _, k := range keys {
				if !strings.EqualFold(armclient.Text(k, "keyId"), keyID) {
					left = append(left, k)
				}
			}
			if len(left) == len(keys) {
				return midas.Errorf(midas.NotFound, "the %s has no certificate with the key id %s", kind.word, keyID)
			}
			return c.askGraph(cmd, http.MethodPatch, path, map[string]any{"keyCredentials": left})
		},
	}
	p.bind(cmd)
	cmd.Flags().StringVar(&keyID, "key-id", "", "key id of the credential")
	cmd.Flags().BoolVar(&cert, "cert", false, "a certificate in place of a secret")
	return cmd
}
