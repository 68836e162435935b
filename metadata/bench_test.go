//go:build unix

package metadata_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas/directory"
)

// crowd is n machines with an identity each, and a request of each that has a token
// already.
func crowd(b *testing.B, n int) (*world, []request) {
	b.Helper()
	w := newWorld(b)
	requests := make([]request, n)
	for i := range n {
		made, _, err := w.directory.PutIdentity(b.Context(), nil, group, "identity-"+strconv.Itoa(i), "eastus", nil)
		w.must(err)
		w.vm, _, err = w.directory.PutVM(b.Context(), nil, group, "vm-"+strconv.Itoa(i), directory.Change{
			Location: "eastus", Identity: &directory.IdentityPatch{Type: "UserAssigned", UserAssigned: map[string]bool{made.ID: true}},
		})
		w.must(err)
		requests[i] = w.imds("client_id", made.ClientID)
	}
	for _, r := range requests {
		w.token(r)
	}
	return w, requests
}

var crowds = []int{1, 1000}

// BenchmarkCached is the handler alone with a token that it has: no socket.
func BenchmarkCached(b *testing.B) {
	for _, n := range crowds {
		b.Run(fmt.Sprintf("machines=%d", n), func(b *testing.B) {
			w, requests := crowd(b, n)
			ins := make([]*http.Request, n)
			for i, r := range requests {
				ins[i] = httptest.NewRequest(r.method, "http://169.254.169.254"+r.path+"?"+r.query, nil)
				ins[i].Header = r.header
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					out := discard{http.Header{}}
					w.endpoint.ServeHTTP(out, ins[int(next.Add(1))%n])
				}
			})
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkCachedOverLoopback is the same over real connections, kept alive, from
// clients in a process of their own: tokens/s/core counts the time that this process,
// the server, has had of a processor. The peer is a handler that does nothing but write
// an answer as long: what net/http and the kernel cost without us.
func BenchmarkCachedOverLoopback(b *testing.B) {
	w, requests := crowd(b, crowds[len(crowds)-1])
	answer := w.send(requests[0]).Body.Bytes()
	peer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) })
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("machines=0/clients=%d", clients), func(b *testing.B) {
			overLoopback(b, peer, requests[:1], clients)
		})
		for _, n := range crowds {
			b.Run(fmt.Sprintf("machines=%d/clients=%d", n, clients), func(b *testing.B) {
				overLoopback(b, w.endpoint, requests[:n], clients)
			})
		}
	}
}

// BenchmarkCachedBesideWrites is that with a directory that somebody else changes 50 times
// a second meanwhile: what is remembered of these machines has to outlive changes of other
// things. Without writes it is the bar for itself.
func BenchmarkCachedBesideWrites(b *testing.B) {
	w, requests := crowd(b, crowds[len(crowds)-1])
	for _, perSecond := range []int{0, 50} {
		for _, clients := range []int{8, 64} {
			b.Run(fmt.Sprintf("writes=%d/clients=%d", perSecond, clients), func(b *testing.B) {
				stop := make(chan struct{})
				var writer sync.WaitGroup
				if perSecond > 0 {
					writer.Go(func() { w.write(b, perSecond, stop) })
				}
				overLoopback(b, w.endpoint, requests, clients)
				close(stop)
				writer.Wait()
			})
		}
	}
}

// write changes the tags of a machine that nobody asks for.
func (w *world) write(b *testing.B, perSecond int, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		_, _, err := w.directory.PutVM(b.Context(), nil, group, "other", directory.Change{Location: "eastus", Tags: map[string]string{"n": strconv.Itoa(n)}})
		if err != nil {
			b.Error(err)
			return
		}
	}
}

func overLoopback(b *testing.B, handler http.Handler, requests []request, clients int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(ln)
	defer server.Close()
	load := newLoad(b, ln.Addr().String(), clients, requests)
	load.run(b, clients) // the first request of a connection is dearer
	b.ResetTimer()
	before := cpu(b)
	load.run(b, b.N)
	spent := cpu(b) - before
	b.ReportMetric(float64(b.N)/spent.Seconds(), "tokens/s/core")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// cpu is the processor's time that this process has had.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkMint is a token that nobody has: one signature.
func BenchmarkMint(b *testing.B) {
	for _, n := range crowds {
		b.Run(fmt.Sprintf("machines=%d", n), func(b *testing.B) {
			w, requests := crowd(b, n)
			for i := range requests {
				requests[i].query += "&bypass_cache=true"
			}
			for i := 0; b.Loop(); i++ {
				w.token(requests[i%n])
			}
		})
	}
}
