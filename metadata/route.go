package metadata

import (
	"net/http"
	"strings"
)

// maxPath bounds what is looked at of a path.
const maxPath = 4096

// route returns the request's path without slashes at its ends and in lower case, as
// Azure matches it, with doubled slashes made one: client libraries make them of a
// base address that ends in a slash. A secret that stands in the path is taken out. It
// refuses what could be read in two ways.
func route(r *http.Request) (path, secret string, ok bool) {
	parts, ok := segments(r)
	if !ok {
		return "", "", false
	}
	if len(parts) > 1 && parts[0] == strings.Trim(SecretPath, "/") {
		secret, parts = parts[1], parts[2:]
	}
	return strings.ToLower(strings.Join(parts, "/")), secret, true
}

// segments takes a path apart. No path here has a character that needs escaping.
func segments(r *http.Request) ([]string, bool) {
	escaped := r.URL.EscapedPath()
	if len(escaped) > maxPath || strings.ContainsAny(escaped, `\%`) {
		return nil, false
	}
	var parts []string
	for part := range strings.SplitSeq(escaped, "/") {
		switch part {
		case "":
		case ".", "..":
			return nil, false
		default:
			parts = append(parts, part)
		}
	}
	return parts, true
}
