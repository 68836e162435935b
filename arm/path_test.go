package arm

import (
	"slices"
	"testing"

	"github.com/midas-mysql/midas/internal/rest"
)

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
			for name, value := range vars {
				if !ok || !slices.Contains(segments, value) {
					t.Fatalf("route %q made %s=%q of %q", r.pattern, name, value, segments)
				}
			}
		}
	})
}
