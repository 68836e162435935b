package azcli

import (
	"net/url"
	"strings"
)

// filtered adds a $filter of all the terms that are not empty.
func filtered(path string, terms ...string) string {
	var given []string
	for _, t := range terms {
		if t != "" {
			given = append(given, t)
		}
	}
	if len(given) == 0 {
		return path
	}
	return path + "?$filter=" + url.QueryEscape(strings.Join(given, " and "))
}

// where is one term of a $filter: format with the value quoted in place of %s, or
// nothing when there is no value.
func where(format, value string) string {
	if value == "" {
		return ""
	}
	return strings.Replace(format, "%s", quoted(value), 1)
}

// quoted is a text in a $filter.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
