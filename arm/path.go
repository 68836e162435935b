package arm

import (
	"net/url"
	"strings"
)

// splitPath takes an escaped path apart into unescaped segments. Empty segments
// vanish, for clients that join a base URL and a path with two slashes. It fails on
// a segment that is not what it seems: one that holds a separator or control
// character, or that means this or the parent directory.
func splitPath(escaped string) ([]string, bool) {
	if !strings.HasPrefix(escaped, "/") {
		return nil, false
	}
	var segments []string
	for part := range strings.SplitSeq(escaped, "/") {
		if part == "" {
			continue
		}
		segment, err := url.PathUnescape(part)
		if err != nil || !plain(segment) {
			return nil, false
		}
		segments = append(segments, segment)
	}
	return segments, true
}

// joinPath is splitPath's inverse.
func joinPath(segments []string) string {
	var b strings.Builder
	for _, segment := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(segment))
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func plain(segment string) bool {
	if segment == "" || segment == "." || segment == ".." {
		return false
	}
	return !strings.ContainsFunc(segment, func(c rune) bool { return c == '/' || c == '\\' || c < ' ' || c == 0x7f })
}

// route is one operation.
type route struct {
	method  string
	pattern []string // literals compare without case; "{x}" takes any segment
	action  string   // ARM's name of the permission that it needs
	open    bool     // needs no token
	do      func(*call) (answer, error)
}

// vars returns what the pattern's variables take from a path that it matches.
func (r *route) vars(segments []string) (map[string]string, bool) {
	if len(segments) != len(r.pattern) {
		return nil, false
	}
	vars := map[string]string{}
	for i, want := range r.pattern {
		if name, ok := strings.CutPrefix(want, "{"); ok {
			vars[strings.TrimSuffix(name, "}")] = segments[i]
		} else if !strings.EqualFold(want, segments[i]) {
			return nil, false
		}
	}
	return vars, true
}
