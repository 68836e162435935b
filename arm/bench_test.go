package arm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkSize asks the same of a directory with ten identities and machines and of
// one with a thousand. What is shown, and each page of a list, should cost the same.
func BenchmarkSize(b *testing.B) {
	for _, size := range []int{10, 1000} {
		w := newWorld(b)
		fill(b, w, size)
		const rg = "/subscriptions/{sub}/resourceGroups/rg/providers/"
		for _, request := range []struct{ what, path string }{
			{"show identity", rg + identityType + "/identity7?api-version=2024-01-01"},
			{"show machine", rg + machineType + "/machine7?api-version=2024-01-01"},
			{"page of 10 identities", rg + identityType + "?api-version=2024-01-01&$top=10"},
			{"page of 10 machines", rg + machineType + "?api-version=2024-01-01&$top=10"},
		} {
			b.Run(fmt.Sprintf("%s/of %d", request.what, size), func(b *testing.B) {
				path := w.path(request.path)
				for b.Loop() {
					r := httptest.NewRequest(http.MethodGet, path, nil)
					r.Header.Set("Authorization", "Bearer owner")
					answer := httptest.NewRecorder()
					w.api.ServeHTTP(answer, r)
					if answer.Code != http.StatusOK {
						b.Fatal(answer.Code, answer.Body)
					}
				}
			})
		}
	}
}

// fill makes size identities, each on a machine that has one of its own too.
func fill(b *testing.B, w *world, size int) {
	b.Helper()
	put := func(path, body string) {
		b.Helper()
		if resp, answer := w.do(b, "owner", http.MethodPut, path+"?api-version=2024-01-01", body); resp.StatusCode != http.StatusCreated {
			b.Fatal(path, resp.StatusCode, answer)
		}
	}
	const rg = "/subscriptions/{sub}/resourceGroups/rg"
	put(rg, `{"location":"eastus"}`)
	for i := range size {
		id := fmt.Sprintf("%s/providers/%s/identity%d", rg, identityType, i)
		put(id, `{"location":"eastus"}`)
		put(fmt.Sprintf("%s/providers/%s/machine%d", rg, machineType, i), w.path(
			`{"location":"eastus","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+id+`":{}}}}`))
	}
}

func (w *world) path(text string) string { return strings.ReplaceAll(text, "{sub}", w.sub) }
