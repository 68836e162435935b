package metadata_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/metadata"
)

// earlier are workloads with the matches of a directory that an earlier version made, when
// every network was taken.
type earlier struct {
	metadata.Workloads
	matches []directory.WorkloadMatch
}

func (e earlier) WorkloadMatches(context.Context) ([]directory.WorkloadMatch, error) {
	return e.matches, nil
}

// Every user of a machine has all of its addresses: 127.0.0.1, those of its interfaces, and
// those of networks that the kernel takes for its own. No match makes such a caller a VM,
// unless it was made to.
func TestWorkloadMatchesDoNotCountForOwnAddresses(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	linkLocal(t)
	address(t, "lo:2", 10, 77, 0, 1) // and with it all of 10.0.0.0/8, on this interface
	w := newWorld(t)
	vm := w.neighbour("vm")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	var endpoint http.Handler
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { endpoint.ServeHTTP(rw, r) })}
	go server.Serve(ln)
	defer server.Close()
	for _, source := range []string{"127.0.0.1", "127.1.2.3", "10.77.0.1", "10.78.9.9"} {
		for _, c := range []struct {
			network  string
			insecure bool
		}{
			{"126.0.0.0/7", false},
			{"127.0.0.0/8", false},
			{"0.0.0.0/1", false},
			{"10.64.0.0/10", false},
			{source + "/32", false},
			{"126.0.0.0/7", true},
			{"10.64.0.0/10", true},
			{source + "/32", true},
		} {
			prefix, insecure := netip.MustParsePrefix(c.network), c.insecure
			match := directory.WorkloadMatch{VMID: vm.VMID, Name: "net", Network: prefix, InsecureOwn: insecure}
			w.remake(func(c *metadata.Config) { c.Workloads = earlier{w.directory, []directory.WorkloadMatch{match}} })
			endpoint = w.endpoint
			want := "401"
			if insecure && prefix.Contains(netip.MustParseAddr(source)) {
				want = vm.System.ClientID
			}
			if got := w.overFrom(source, ln.Addr().String()); got != want {
				t.Errorf("from %s with a workload match %s (insecure: %t): %s, want %s", source, prefix, insecure, got, want)
			}
		}
	}
}

// A match of the process counts, whatever network its address is in.
func TestOwnAddressesLeaveTheUserToDecide(t *testing.T) {
	w := newWorld(t)
	everyone, me := w.neighbour("everyone"), w.neighbour("me")
	_ = everyone
	w.match("me", "i", directory.WorkloadMatchInput{UserID: strconv.Itoa(unix.Getuid())})
	all, err := w.directory.WorkloadMatches(t.Context())
	w.must(err)
	all = append(all, directory.WorkloadMatch{VMID: everyone.VMID, Name: "net", Network: netip.MustParsePrefix("127.0.0.0/8")})
	w.remake(func(c *metadata.Config) { c.Workloads = earlier{w.directory, all} })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	server := &http.Server{Handler: w.endpoint}
	go server.Serve(ln)
	defer server.Close()
	if got := w.overFrom("127.0.0.1", ln.Addr().String()); got != me.System.ClientID {
		t.Errorf("%s, want %s", got, me.System.ClientID)
	}
}
