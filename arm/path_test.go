package arm

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitPath(t *testing.T) {
	for escaped, want := range map[string][]string{
		"/":                  nil,
		"//":                 nil,
		"//a//b/":            {"a", "b"},
		"/a%20b/%C3%A4":      {"a b", "ä"},
		"/resource(1)/x.y-z": {"resource(1)", "x.y-z"},
		"/a/...":             {"a", "..."},
	} {
		got, ok := splitPath(escaped)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", escaped, ok, diff)
		}
	}
	for _, escaped := range []string{"", "a", "/a/../b", "/./a", "/%2e%2e/a", "/%2E/a", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/a%0d%0a", "/%zz", "/a%", "/%7f"} {
		if got, ok := splitPath(escaped); ok {
			t.Errorf("%s was taken for %q", escaped, got)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/", "//", "/subscriptions/s/resourceGroups/g", "//subscriptions//s/", "/a%20b", "/a%2fb", "/%2e%2e/x", "/..", "/ä/%ff", "/a+b;c=d?e",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
	} {
		f.Add(seed)
	}
	routes := (&API{}).table()
	f.Fuzz(func(t *testing.T, escaped string) {
		segments, ok := splitPath(escaped)
		if !ok {
			if segments != nil {
				t.Fatalf("refused and yet %q", segments)
			}
			return
		}
		for _, segment := range segments {
			if segment == "" || segment == "." || segment == ".." || strings.ContainsAny(segment, "/\\\x00\r\n") {
				t.Fatalf("%q has the segment %q", escaped, segment)
			}
		}
		again, ok := splitPath(joinPath(segments))
		if !ok || !slices.Equal(again, segments) {
			t.Fatalf("%q became %q, then %q", escaped, segments, again)
		}
		for _, r := range routes {
			vars, ok := r.vars(segments)
			for name, value := range vars {
				if !ok || !slices.Contains(segments, value) {
					t.Fatalf("route %q made %s=%q of %q", r.pattern, name, value, segments)
				}
			}
		}
	})
}
