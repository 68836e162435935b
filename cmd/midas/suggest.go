package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// flagError explains a flag that cmd does not know or could not read. Where a command is
// missing, the words before the flag name one that there is not, and the flag is its own.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		return unknownCommand(cmd, words[0])
	}
	wrong := usage.Errorf("%v", err)
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return wrong.WithHint("see: %s --help", cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if like := nearest(missing.GetSpecifiedName(), names); like != "" && missing.GetSpecifiedShortnames() == "" {
		return wrong.WithHint("did you mean: --%s", like)
	}
	return wrong.WithHint("see: %s --help", cmd.CommandPath())
}

// asUsage marks an error of the command line parser, which has no class of its own.
func asUsage(err error) error {
	var known *midas.Error
	if errors.As(err, &known) {
		return err
	}
	return usage.Errorf("%v", err)
}

// nearest returns the one of names that word was probably meant to be, or "".
func nearest(word string, names []string) string {
	best, least := "", 3 // two slips at most
	for _, name := range names {
		if d := distance(word, name); d < least && d < len(name) {
			best, least = name, d
		}
	}
	for _, name := range names {
		if best == "" && word != "" && strings.HasPrefix(name, word) {
			best = name
		}
	}
	return best
}

// distance is the number of letters to insert, drop or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
