package rest

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
		got, ok := SplitPath(escaped)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", escaped, ok, diff)
		}
	}
	for _, escaped := range []string{"", "a", "/a/../b", "/./a", "/%2e%2e/a", "/%2E/a", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/a%0d%0a", "/%zz", "/a%", "/%7f"} {
		if got, ok := SplitPath(escaped); ok {
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
	f.Fuzz(func(t *testing.T, escaped string) {
		segments, ok := SplitPath(escaped)
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
		again, ok := SplitPath(JoinPath(segments))
		if !ok || !slices.Equal(again, segments) {
			t.Fatalf("%q became %q, then %q", escaped, segments, again)
		}
		vars, ok := Vars([]string{"subscriptions", "{sub}", "{what}", "{group}"}, segments)
		for name, value := range vars {
			if !ok || !slices.Contains(segments, value) {
				t.Fatalf("%s=%q was made of %q", name, value, segments)
			}
		}
	})
}

func TestVars(t *testing.T) {
	pattern := []string{"users", "{id}", "memberOf"}
	if vars, ok := Vars(pattern, []string{"USERS", "Alice", "memberof"}); !ok || vars["id"] != "Alice" {
		t.Errorf("got %v, %v", vars, ok)
	}
	// The last three have letters that Unicode folds to those of ASCII.
	for _, segments := range [][]string{
		nil,
		{"users"},
		{"users", "a", "other"},
		{"users", "a", "memberOf", "x"},
		{"u\u017fers", "a", "memberOf"},
		{"user\u017f", "a", "memberOf"},
		{"\u212aeys", "a", "memberOf"},
	} {
		if vars, ok := Vars(pattern, segments); ok {
			t.Errorf("%q matched: %v", segments, vars)
		}
	}
}
