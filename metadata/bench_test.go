package metadata_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
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
		made, _, err := w.directory.PutIdentity(b.Context(), group, "identity-"+strconv.Itoa(i), "eastus", nil)
		w.must(err)
		w.vm, _, err = w.directory.PutVM(b.Context(), group, "vm-"+strconv.Itoa(i), directory.Change{
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

// BenchmarkCachedOverLoopback is the same over real connections, kept alive. The figure
// tokens/s/core counts the processor's time of the whole process, in which the client,
// which does next to nothing, is included.
func BenchmarkCachedOverLoopback(b *testing.B) {
	for _, n := range crowds {
		for _, clients := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("machines=%d/clients=%d", n, clients), func(b *testing.B) {
				w, requests := crowd(b, n)
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				w.must(err)
				server := &http.Server{Handler: w.endpoint}
				go server.Serve(ln)
				defer server.Close()
				raw := make([]string, n)
				for i, r := range requests {
					raw[i] = "GET " + r.path + "?" + r.query + " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nX-Identity-Header: " +
						r.header.Get("X-Identity-Header") + "\r\n\r\n"
				}
				var next atomic.Int64
				b.SetParallelism((clients + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
				b.ResetTimer()
				before := cpu(b)
				b.RunParallel(func(pb *testing.PB) {
					conn, err := net.Dial("tcp", ln.Addr().String())
					if err != nil {
						b.Error(err)
						return
					}
					defer conn.Close()
					answers := bufio.NewReader(conn)
					for pb.Next() {
						if err := exchange(conn, answers, raw[int(next.Add(1))%n]); err != nil {
							b.Error(err)
							return
						}
					}
				})
				spent := cpu(b) - before
				b.ReportMetric(float64(b.N)/spent.Seconds(), "tokens/s/core")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// exchange sends a request and reads its answer as cheaply as it can be read.
func exchange(conn net.Conn, answers *bufio.Reader, request string) error {
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch text := strings.TrimSpace(string(line)); {
		case first && text != "HTTP/1.1 200 OK":
			return fmt.Errorf("answer %q", text)
		case strings.HasPrefix(text, "Content-Length: "):
			length, _ = strconv.Atoi(text[len("Content-Length: "):])
		case text == "":
			_, err := answers.Discard(length)
			return err
		}
	}
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
