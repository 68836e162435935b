package workload

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/statedir"
)

// A server that has an address of its own has another one on the VM than those that share the
// gateway's, also before it is made.
func TestServersApartHavePlacesOfTheirOwn(t *testing.T) {
	running := statedir.Running{
		Control: "https://127.0.0.1:7443", MySQL: "127.0.0.1:7306",
		Apart: map[string][]string{"two": {"127.0.0.1:7307", "[::1]:7307"}, "later": {"0.0.0.0:7308"}, "third": {"127.0.0.1:3306", "127.0.0.1:7443"}},
	}
	at := placesOf(running)
	hosts := at.hosts([]Server{{Name: "one", fqdn: "one.example"}, {Name: "Two", fqdn: "two.example"}, {Name: "third", fqdn: "third.example"}})
	want := map[string]string{
		"one": "127.0.0.1", "one.example": "127.0.0.1", "Two": "127.0.2.3", "two.example": "127.0.2.3",
		"third": "127.0.2.2", "third.example": "127.0.2.2",
	}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Error(diff)
	}
	var inside []string
	for _, f := range alsoInside(at.forwards(running), sameInside(running)...) {
		inside = append(inside, f.Inside)
	}
	slices.Sort(inside)
	once := []string{"127.0.0.1:3306", "127.0.0.1:7307", "127.0.0.1:7443", "127.0.2.1:3306", "127.0.2.2:3306", "127.0.2.3:3306"}
	if diff := cmp.Diff(once, inside); diff != "" {
		t.Error(diff)
	}
}
