package arm

import (
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/rest"
)

// lookalikes are letters that Unicode, but not strings.ToLower or not all readers, folds
// to those of ASCII.
var lookalikes = map[string]string{"s": "\u017f", "S": "\u017f", "k": "\u212a", "K": "\u212a"}

// TestRoutesTakeNoLookalikes: where a route would take one for the letter, the scope of a
// lock or role would not be found in the path.
func TestRoutesTakeNoLookalikes(t *testing.T) {
	tried := 0
	for _, r := range (&API{}).table() {
		segments := slices.Clone(r.pattern)
		for i, segment := range r.pattern {
			if variable(segment) {
				continue
			}
			for letter, lookalike := range lookalikes {
				if segments[i] = strings.Replace(segment, letter, lookalike, 1); segments[i] == segment {
					continue
				}
				tried++
				if _, ok := r.vars(segments); ok {
					t.Errorf("%s %q is taken for %q", r.method, segments, r.pattern)
				}
			}
			segments[i] = strings.ToUpper(segment)
			if _, ok := r.vars(segments); !ok {
				t.Errorf("%s %q is not %q", r.method, segments, r.pattern)
			}
			segments[i] = segment
		}
		upper := strings.Split(strings.ToUpper(strings.Join(r.pattern, "/")), "/")
		if got, want := strings.ToLower(r.scopeIn(upper)), strings.ToLower("/"+strings.Join(r.pattern[:r.scope], "/")); got != want {
			t.Errorf("%s %q has the scope %s, not %s", r.method, r.pattern, got, want)
		}
	}
	if tried < 500 {
		t.Errorf("only %d lookalikes were tried", tried)
	}
}

// FuzzRoutes: a variable of a route is a segment of the path, whatever the path.
func FuzzRoutes(f *testing.F) {
	for _, seed := range []string{
		"/", "/subscriptions/s/resourceGroups/g", "//subscriptions//s/", "/subscriptions/%2e%2e/resourceGroups/a%20b", "/subscriptions/s/resourceGroups/..",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
	} {
		f.Add(seed)
	}
	routes := (&API{}).table()
	f.Fuzz(func(t *testing.T, escaped string) {
		segments, _ := rest.SplitPath(escaped)
		for _, r := range routes {
			vars, ok := r.vars(segments)
			if ok {
				got, want := strings.ToLower(r.scopeIn(segments)), strings.ToLower("/"+strings.Join(segments[:r.scope], "/"))
				if got != want {
					t.Fatalf("route %q of %q has the scope %q", r.pattern, segments, got)
				}
			}
			for name, value := range vars {
				if !ok || !slices.Contains(segments, value) {
					t.Fatalf("route %q made %s=%q of %q", r.pattern, name, value, segments)
				}
			}
		}
	})
}
