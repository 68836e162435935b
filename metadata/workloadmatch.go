package metadata

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/feed"
)

// workloadMatches holds the matches of all machines, in the order in which they are tried.
type workloadMatches struct {
	networks map[netip.Prefix]networkMatch
	lengths  []int // of those networks, longest first
	users    map[uint32]string
	cgroups  []cgroupMatch // longest path first
	paths    []string      // of those
}

type networkMatch struct {
	vmID string
	own  bool // counts for callers at this machine's own addresses
}

type cgroupMatch struct{ path, vmID string }

// workloadMatchCache keeps the matches until one of a machine changes.
type workloadMatchCache struct {
	known cache[struct{}, *workloadMatches]
}

func (c *workloadMatchCache) get(ctx context.Context, ws Workloads, state feedState) (*workloadMatches, error) {
	return c.known.get(state, struct{}{}, func() (*workloadMatches, feed.Thing, error) {
		of := feed.Thing{Kind: midas.ChangeWorkloadMatch} // any machine's
		all, err := ws.WorkloadMatches(ctx)
		if err != nil {
			return nil, of, err
		}
		return newWorkloadMatches(all), of, nil
	})
}

func newWorkloadMatches(all []directory.WorkloadMatch) *workloadMatches {
	m := &workloadMatches{networks: map[netip.Prefix]networkMatch{}, users: map[uint32]string{}}
	for _, r := range all {
		switch {
		case r.Network.IsValid():
			m.networks[r.Network] = networkMatch{r.VMID, r.InsecureOwn}
			if !slices.Contains(m.lengths, r.Network.Bits()) {
				m.lengths = append(m.lengths, r.Network.Bits())
			}
		case r.UserID != nil:
			m.users[*r.UserID] = r.VMID
		case r.Cgroup != "":
			m.cgroups = append(m.cgroups, cgroupMatch{r.Cgroup, r.VMID})
		}
	}
	slices.SortFunc(m.lengths, func(a, b int) int { return b - a })
	slices.SortFunc(m.cgroups, func(a, b cgroupMatch) int {
		return cmp.Or(len(b.path)-len(a.path), strings.Compare(a.path, b.path))
	})
	for _, match := range m.cgroups {
		m.paths = append(m.paths, match.path)
	}
	return m
}

func (m *workloadMatches) empty() bool     { return len(m.networks) == 0 && !m.processes() }
func (m *workloadMatches) processes() bool { return len(m.users)+len(m.cgroups) > 0 }

// byAddress returns the machine of the smallest network that holds a. own is asked, once at
// most, whether a is an address of this machine itself: for one that each of its users has,
// only networks count that were made for that.
func (m *workloadMatches) byAddress(a netip.Addr, own func() bool) (vmID string, ok bool) {
	isOwn := sync.OnceValue(own)
	for _, bits := range m.lengths {
		if network, err := a.Prefix(bits); err == nil {
			if match, ok := m.networks[network]; ok && (match.own || !isOwn()) {
				return match.vmID, true
			}
		}
	}
	return "", false
}

// isOwn reports whether a caller's address is one of this machine, and so any user's. Where
// the kernel takes a whole network for its own, no interface has the address; then the other
// end of the connection is a socket here.
func (e *Endpoint) isOwn(source, here netip.AddrPort) bool {
	if source.Addr().IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true // what cannot be told is taken for the weaker proof
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			if a, ok := netip.AddrFromSlice(network.IP); ok && a.Unmap() == source.Addr() {
				return true
			}
		}
	}
	if !here.IsValid() {
		return false
	}
	_, err = e.peer(source, here)
	return err == nil
}

// endpoints returns both ends of the connection that r came over, as the kernel knows
// them and no header says. An IPv4 address is one, however the listener spells it.
func endpoints(r *http.Request) (source, here netip.AddrPort) {
	source, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}, netip.AddrPort{}
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		here = unmapped(local.AddrPort())
	}
	return unmapped(source), here
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// vmOfProcess returns the machine of the process that holds the connection's other
// end. It is looked up while the request is open, so that nobody else can have the
// same pair of ports. Matches of two machines are a refusal.
func (e *Endpoint) vmOfProcess(ctx context.Context, known *workloadMatches, source, here netip.AddrPort) (string, error) {
	p, err := e.peer(source, here)
	if err != nil {
		e.log.DebugContext(ctx, "process of a metadata request", "remote", source, "error", err)
		return "", midas.Errorf(midas.Unauthenticated, "the process behind %s cannot be told", source)
	}
	vmID := known.users[p.UserID]
	byCgroup, err := e.vmOfCgroup(ctx, known, p.CGroup)
	switch {
	case err != nil:
		e.log.DebugContext(ctx, "control group of a metadata request", "remote", source, "error", err)
		return "", midas.Errorf(midas.Unauthenticated, "the control group of the process behind %s cannot be told", source)
	case vmID != "" && byCgroup != "" && vmID != byCgroup:
		return "", midas.Errorf(midas.Unauthenticated, "the process behind %s has the workload matches of several machines", source)
	case vmID == "" && byCgroup == "":
		return "", midas.Errorf(midas.Unauthenticated, "the process behind %s (user id %d) is of no machine here", source, p.UserID)
	}
	return cmp.Or(byCgroup, vmID), nil
}

// vmOfCgroup returns the machine of the longest path that is the control group's or
// above it, or "".
func (e *Endpoint) vmOfCgroup(ctx context.Context, known *workloadMatches, id uint64) (string, error) {
	if len(known.cgroups) == 0 {
		return "", nil
	}
	if id == 0 {
		return "", errors.New("this kernel does not tell the control group of a socket")
	}
	path, err := e.cgroups.Path(ctx, known.paths, id)
	if err != nil || path == "" {
		return "", err
	}
	for _, match := range known.cgroups {
		if path == match.path || strings.HasPrefix(path, strings.TrimSuffix(match.path, "/")+"/") {
			return match.vmID, nil
		}
	}
	return "", nil
}
