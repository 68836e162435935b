package metadata

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/feed"
	"github.com/midas-mysql/midas/token"
)

// maxMachines is how many machines are remembered at once. One that is forgotten loses
// its cached tokens and its place in the throttle, nothing else.
const maxMachines = 10_000

// Limits are how much a machine may ask for. A zero is no limit.
type Limits struct {
	TokensPerSecond  int // requests of the identity category
	ConcurrentTokens int // of those, at one time
	OthersPerSecond  int // everything else
}

// AzureLimits are those of IMDS.
// Source: Microsoft Learn, "Azure Instance Metadata Service", rate limiting.
var AzureLimits = Limits{TokensPerSecond: 20, ConcurrentTokens: 5, OthersPerSecond: 5}

// machine is what is remembered of one machine.
type machine struct {
	mu       sync.Mutex
	workload midas.Workload
	basis    *feed.Basis // of workload
	tokens   *tokens
	active   int // requests for tokens, now

	identity, general *rate.Limiter // nil for no limit
}

// machines remembers the machines that have asked, by VM id. Each has its own tokens
// and its own limits, so that none can crowd out another's.
type machines struct {
	workloads Workloads
	minter    midas.Minter
	keys      token.KeySet
	limits    Limits

	mu    sync.Mutex
	known *lru.LRU[string, *machine]
}

func newMachines(w Workloads, m midas.Minter, keys token.KeySet, l Limits) (*machines, error) {
	known, err := lru.NewLRU[string, *machine](maxMachines, nil)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "make the cache of machines: %w", err)
	}
	return &machines{workloads: w, minter: m, keys: keys, limits: l, known: known}, nil
}

// get returns the machine as the directory has it now or had it since: an identity that
// was taken away before the request came is not there any more. A machine that does not
// exist is NotFound.
func (ms *machines) get(ctx context.Context, state feedState, vmID string) (*machine, midas.Workload, error) {
	ms.mu.Lock()
	m, ok := ms.known.Get(vmID)
	ms.mu.Unlock()
	if ok {
		m.mu.Lock()
		basis, workload := m.basis, m.workload
		m.mu.Unlock()
		if state.holds(basis) {
			return m, workload, nil
		}
	}
	workload, err := ms.workloads.WorkloadByVMID(ctx, vmID)
	if err != nil {
		if midas.CodeOf(err) == midas.NotFound {
			ms.mu.Lock()
			ms.known.Remove(vmID)
			ms.mu.Unlock()
		}
		return nil, midas.Workload{}, err
	}
	m, err = ms.remember(vmID)
	if err != nil {
		return nil, midas.Workload{}, err
	}
	// Another request may have read a newer state meanwhile and is overwritten: the change
	// in between ends this one, and the next request reads again.
	m.mu.Lock()
	m.workload, m.basis = workload, state.basis(feed.Thing{Kind: midas.ChangeWorkload, ID: workload.ResourceID})
	m.mu.Unlock()
	return m, workload, nil
}

func (ms *machines) remember(vmID string) (*machine, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if m, ok := ms.known.Get(vmID); ok {
		return m, nil
	}
	t, err := newTokens(ms.minter, ms.keys)
	if err != nil {
		return nil, err
	}
	m := &machine{tokens: t, identity: limiter(ms.limits.TokensPerSecond), general: limiter(ms.limits.OthersPerSecond)}
	ms.known.Add(vmID, m)
	return m, nil
}

func limiter(perSecond int) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), perSecond)
}
