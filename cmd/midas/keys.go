package main

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

// keysAPI is the api-version of the signing keys, which only midas has.
const keysAPI = "2026-01-01"

func (c *cli) newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "The keys that tokens are signed with"}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the published keys: the one that signs, the next one, and retired keys that still verify unexpired tokens",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.Client()
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), keysPath(a))
			if err != nil {
				return err
			}
			return c.printKeys(all)
		},
	}
	cmd.AddCommand(list, c.newKeysRotateCommand())
	return cmd
}

func (c *cli) newKeysRotateCommand() *cobra.Command {
	var now, revoke, yes bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make the next key sign, and publish another in its place",
		Long: `Make the next key sign, and publish another in its place. The key that signed so far
stays published until its last token has expired, so that no client notices. It happens by
itself when a key has signed for the --key-lifetime of midas up.`,
		Example: `  midas keys rotate --now
  midas keys rotate --now --revoke --yes   # when a key may be known to others`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if revoke {
				if err := c.Confirm(yes, "make every token void that was signed so far"); err != nil {
					return err
				}
			}
			a, err := c.Client()
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPost, keysPath(a, "rotate"), map[string]any{"now": now, "revoke": revoke})
			if err != nil {
				return err
			}
			all, _ := armclient.Member(answer, "value").([]any)
			return c.printKeys(all)
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "also when the next key was published less than two days ago: verifiers that have not seen it yet refuse its tokens until they look")
	cmd.Flags().BoolVar(&revoke, "revoke", false, "take all keys out of publication at once and make others: all tokens are void")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before --revoke")
	return cmd
}

func keysPath(a *armclient.Client, below ...string) string {
	return armclient.ResourcePath(a.Operator.SubscriptionID, keysAPI, append([]string{"providers", "Midas.Identity", "signingKeys"}, below...)...)
}

func (c *cli) printKeys(all []any) error {
	for i := range all {
		if key, ok := all[i].(map[string]any); ok {
			for _, name := range []string{"signingSince", "publishedUntil"} {
				if _, has := key[name]; !has {
					key[name] = nil
				}
			}
		}
	}
	c.Columns = "[].{KeyId: keyId, State: state, Published: published, SigningSince: signingSince, PublishedUntil: publishedUntil}"
	return c.Print(all)
}
