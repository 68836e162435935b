package stack

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/midas-mysql/midas"
)

// serversNamed returns n servers.
func serversNamed(prefix string, n int) (all []midas.Server) {
	for i := range n {
		name := fmt.Sprintf("%s-%03d", prefix, i)
		all = append(all, midas.Server{Name: name, UniqueID: name})
	}
	return all
}

// sweptBy tells when each server was swept first, while the backends of those in hung do not answer.
func sweptBy(t *testing.T, rounds time.Duration, hung, others []midas.Server) map[string]time.Duration {
	ctx, cancel := context.WithTimeout(t.Context(), rounds)
	defer cancel()
	hangs := map[string]bool{}
	for _, s := range hung {
		hangs[s.UniqueID] = true
	}
	var mu sync.Mutex
	first, begun := map[string]time.Duration{}, time.Now()
	sweeps := newTurns(func(ctx context.Context, s midas.Server) {
		mu.Lock()
		if _, again := first[s.UniqueID]; !again {
			first[s.UniqueID] = time.Since(begun)
		}
		mu.Unlock()
		if hangs[s.UniqueID] {
			<-ctx.Done()
		}
	})
	for ctx.Err() == nil {
		sweeps.begin(ctx, append(append([]midas.Server{}, hung...), others...))
		pause(ctx, 10*time.Millisecond)
	}
	sweeps.all.Wait()
	return first
}

// Servers have their turn in the order of their names. Those from the seventeenth on had none.
func TestEveryOneOfManyServersIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := serversNamed("server", 3*sweepsAtOnce)
		swept := sweptBy(t, 500*time.Millisecond, nil, servers)
		for _, s := range servers {
			if _, is := swept[s.UniqueID]; !is {
				t.Errorf("%s was never swept", s.Name)
			}
		}
	})
}

// A Contributor makes servers whose backends do not answer, with names that come first.
func TestServersThatHangHoldUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung, others := serversNamed("aaa", 2*sweepsAtOnce), serversNamed("zzz", 3)
		swept := sweptBy(t, 4*time.Second, hung, others)
		for _, s := range others {
			if at, is := swept[s.UniqueID]; !is || at > 3*sweepLag {
				t.Errorf("%s was swept after %v (%v)", s.Name, at, is)
			}
		}
	})
}
