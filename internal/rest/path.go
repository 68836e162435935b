package rest

import (
	"net/url"
	"strings"
)

// SplitPath takes an escaped path apart into unescaped segments. Empty segments
// vanish, for clients that join a base URL and a path with two slashes. It fails on
// a segment that is not what it seems: one that holds a separator or control
// character, or that means this or the parent directory.
func SplitPath(escaped string) ([]string, bool) {
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

// JoinPath is SplitPath's inverse.
func JoinPath(segments []string) string {
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

// sameWord compares a literal of ASCII with a segment. To Unicode U+017F is an s and
// U+212A a k; to strings.ToLower, by which scopes compare, only the second. Both are
// longer than the letter that they pass for.
func sameWord(literal, segment string) bool {
	return len(literal) == len(segment) && strings.EqualFold(literal, segment)
}

// Vars returns what the variables of a pattern take from a path that it matches. The
// literals of a pattern are ASCII and compare without its case alone; "{x}" takes any
// segment.
func Vars(pattern, segments []string) (map[string]string, bool) {
	if len(segments) != len(pattern) {
		return nil, false
	}
	// Each request is compared with all patterns, of which one fits: the others cost no map.
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") && !sameWord(want, segments[i]) {
			return nil, false
		}
	}
	vars := map[string]string{}
	for i, want := range pattern {
		if strings.HasPrefix(want, "{") {
			vars[strings.Trim(want, "{}")] = segments[i]
		}
	}
	return vars, true
}
