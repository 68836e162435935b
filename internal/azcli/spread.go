package azcli

import (
	"strings"
)

// severalValues are the flags after which az takes any number of values
// (--identities A B C), each with the value it stands for when none follows.
var severalValues = map[string]string{
	"--ids":               "",
	"--identities":        systemIdentity,
	"--assign-identity":   systemIdentity,
	"--tags":              "",
	"--identifier-uris":   "",
	"--web-redirect-uris": "",
	"--scopes":            "",
	// az's three-state flags, which stand for true alone.
	"--account-enabled":                    "true",
	"--force":                              "true",
	"--force-change-password-next-sign-in": "true",
	"--security-enabled-only":              "true",
}

// Spread rewrites az's one flag with several values to the same flag several times,
// which is what the flag parser understands. Nothing after "--" is touched.
func Spread(args []string) []string {
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		none, several := severalValues[args[i]]
		if args[i] == "--" {
			return append(out, args[i:]...)
		}
		if !several {
			out = append(out, args[i])
			continue
		}
		flag, first := args[i], i+1
		for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			out = append(out, flag+"="+args[i])
		}
		if i+1 == first {
			out = append(out, flag+"="+none)
		}
	}
	return out
}

// tagsOf reads az's tags: "key=value" or "key" alone; an empty one clears them all.
func tagsOf(words []string) map[string]string {
	tags := map[string]string{}
	for _, word := range words {
		if key, value, _ := strings.Cut(word, "="); key != "" {
			tags[key] = value
		}
	}
	return tags
}

// locationOf spells a location as ARM does: "East US" is "eastus".
func locationOf(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, " ", ""))
}
