package arm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// walk follows a list to its end, does between after each page, and returns the names and
// the number of pages.
func (w *world) walk(t *testing.T, token, path string, between func(page int)) (all []string, pages int) {
	t.Helper()
	for path != "" {
		text := w.want(t, http.StatusOK, token, "GET", path, "")
		var page struct {
			Value    []struct{ Name string }
			NextLink string
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Value {
			all = append(all, one.Name)
		}
		pages++
		between(pages)
		path = strings.TrimPrefix(page.NextLink, w.api.BaseURL())
	}
	return all, pages
}

func TestListsGoOnPageByPage(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const many = 250
	for i := range many {
		w.want(t, http.StatusCreated, "owner", "PUT", fmt.Sprintf("%sMany%03d%s", vms, i, api), `{"location":"eastus"}`)
	}
	few := w.principal(t, "few")
	for _, i := range []int{0, 120, 249} {
		w.grant(t, few, "Reader", fmt.Sprintf("%sMany%03d", vms, i))
	}
	nothing := func(int) {}
	list := strings.TrimSuffix(vms, "/") + api
	for _, test := range []struct {
		token, path    string
		count, inPages int
	}{
		{"owner", list, many + 2, 1},
		{"owner", list + "&$top=100", many + 2, 3},
		{"owner", list + "&$top=126", many + 2, 2},
		{"owner", list + "&$top=251", many + 2, 2},
		{"owner", list + "&$top=252", many + 2, 1},
		{"owner", sub + "/providers/" + machineType + api + "&$top=100", many + 2, 3},
		{"few", list + "&$top=1", 3, 3},
		{"few", list + "&$top=2", 3, 2},
		{"few", list, 3, 1},
	} {
		got, pages := w.walk(t, test.token, test.path, nothing)
		if len(got) != test.count || pages != test.inPages || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
			t.Errorf("%s %s: %d in %d pages, want %d in %d", test.token, test.path, len(got), pages, test.count, test.inPages)
		}
	}
}

// TestListsGoOnThoughThingsComeAndGo: what was there all the time is told exactly once.
func TestListsGoOnThoughThingsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for i := range 20 {
		w.want(t, http.StatusCreated, "owner", "PUT", fmt.Sprintf("%sx%02d%s", ids, i, api), `{"location":"eastus"}`)
	}
	got, _ := w.walk(t, "owner", strings.TrimSuffix(ids, "/")+api+"&$top=5", func(page int) {
		// The last of the page that was sent goes, and one comes before it.
		if last := 5*page - 3; last < 20 {
			w.want(t, http.StatusOK, "owner", "DELETE", fmt.Sprintf("%sx%02d%s", ids, last, api), "")
		}
		w.want(t, http.StatusCreated, "owner", "PUT", fmt.Sprintf("%sx00a%d%s", ids, page, api), `{"location":"eastus"}`)
	})
	seen := map[string]int{}
	for _, name := range got {
		seen[name]++
	}
	for i := range 20 {
		name := fmt.Sprintf("x%02d", i)
		if i%5 != 2 && seen[name] != 1 {
			t.Errorf("%s was told %d times: %q", name, seen[name], got)
		}
	}
}
