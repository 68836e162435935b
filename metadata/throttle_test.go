package metadata_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/metadata"
)

// limited is a world with Azure's limits.
func limited(t *testing.T) *world {
	w := newWorld(t)
	w.remake(func(c *metadata.Config) { c.Limits = nil })
	return w
}

// Twenty tokens a second and machine, five of anything else; the next second is a new one,
// and another machine has its own.
func TestThrottling(t *testing.T) {
	w := limited(t)
	w.identity("myManagedIdentity")
	statuses := func(r request, n int) (good, throttled int) {
		t.Helper()
		for range n {
			switch out := w.send(r); {
			case out.Code == 200:
				good++
			case out.Code == 429:
				throttled++
				if body := out.Body.String(); r.path == w.imds().path && body !=
					`{"error":"invalid_request","error_description":"Temporarily throttled, too many requests"}` {
					t.Fatalf("429 with %s", body)
				}
			default:
				t.Fatalf("status %d, %s", out.Code, out.Body)
			}
		}
		return good, throttled
	}
	if good, throttled := statuses(w.imds(), 25); good != 20 || throttled != 5 {
		t.Errorf("tokens: %d good, %d throttled", good, throttled)
	}
	if good, throttled := statuses(w.get("/metadata/instance", "api-version=2021-02-01"), 8); good != 5 || throttled != 3 {
		t.Errorf("others: %d good, %d throttled", good, throttled)
	}
	busy := w.vm
	var err error
	w.vm, _, err = w.directory.PutVM(t.Context(), nil, group, "another", directory.Change{Location: "eastus", Identity: &directory.IdentityPatch{Type: "SystemAssigned"}})
	w.must(err)
	if good, _ := statuses(w.imds(), 20); good != 20 {
		t.Errorf("another machine: %d good", good)
	}
	w.vm, w.now = busy, w.now.Add(time.Second)
	if good, throttled := statuses(w.imds(), 21); good != 20 || throttled != 1 {
		t.Errorf("a second later: %d good, %d throttled", good, throttled)
	}
}

// Five at once: while they take their time, a sixth is refused.
func TestThrottlingOfConcurrentRequests(t *testing.T) {
	w := limited(t)
	w.identity("myManagedIdentity")
	w.token(w.imds()) // everything slow has been made
	synctest.Test(t, func(t *testing.T) {
		w.must(w.faults.InjectFault(injection.Fault{Kind: injection.Slow, Delay: time.Minute, Count: 5, Until: w.now.Add(time.Hour)}))
		var slow sync.WaitGroup
		for range 5 {
			slow.Go(func() {
				if out := w.send(w.imds()); out.Code != 200 {
					t.Errorf("status %d, %s", out.Code, out.Body)
				}
			})
		}
		synctest.Wait()
		if out := w.send(w.imds()); out.Code != http.StatusTooManyRequests || !strings.Contains(out.Body.String(), "throttled") {
			t.Errorf("a sixth at the same time: status %d", out.Code)
		}
		slow.Wait()
		if out := w.send(w.imds()); out.Code != 200 {
			t.Errorf("afterwards: status %d", out.Code)
		}
	})
}
