package azcli

import "github.com/spf13/cobra"

// SameAs annotates a flag with another spelling of itself.
const SameAs = "midas_same_as"

// sameFlag makes two flags of cmd one: a value given to either is no longer the
// environment's to give to the other.
func sameFlag(cmd *cobra.Command, a, b string) {
	_ = cmd.Flags().SetAnnotation(a, SameAs, []string{b})
	_ = cmd.Flags().SetAnnotation(b, SameAs, []string{a})
}
