package arm

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// stormFile names the directory that a copy of this test program serves until it is
// killed.
const stormFile = "MIDAS_TEST_STORM_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(stormFile); path != "" {
		fmt.Fprintln(os.Stderr, serveForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveForever(path string) error {
	dir, err := directory.Open(context.Background(), directory.Config{Path: path})
	if err != nil {
		return err
	}
	if err := dir.AssignOwner(context.Background(), ownerID); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	base := "http://" + ln.Addr().String()
	api, err := New(Config{
		Directory: dir,
		Verifier:  tokens{"owner": midas.Principal{ObjectID: ownerID, ClientID: clientID, Audience: Audiences()[0]}},
		BaseURL:   func() string { return base },
	})
	if err != nil {
		return err
	}
	app, _, err := dir.CreateApplication(context.Background(), "somebody")
	if err != nil {
		return err
	}
	_, sub := dir.Tenant()
	fmt.Println(base+"/subscriptions/"+sub, app.ObjectID)
	return http.Serve(ln, api)
}

// TestStormsWithKills lets many clients create, assign and delete at once, some in
// names of their own and some in each other's, and kills the server at whatever it is
// doing then. After each kill the store must obey every rule, and each client must find
// what was acknowledged to it, with the one change that was under way made or not.
func TestStormsWithKills(t *testing.T) {
	const rounds, workers, vandals, readers = 5, 6, 4, 2
	path := filepath.Join(t.TempDir(), "directory.db")
	all := make([]*stormWorker, workers)
	for i := range all {
		all[i] = newStormWorker(i)
	}
	total := 0
	for round := range rounds {
		s := startStorm(t, path)
		s.last = int64(30 + rand.IntN(170))
		for _, w := range all {
			w.settle(t, s)
		}
		var crowd sync.WaitGroup
		for _, w := range all {
			crowd.Go(func() { w.work(s) })
		}
		for range vandals {
			crowd.Go(func() { vandalize(s) })
		}
		for range readers {
			crowd.Go(func() { readAll(s) })
		}
		s.waitForLast(t)
		s.kill(t)
		crowd.Wait()
		total += int(s.acknowledged.Load())
		s.report(t)
		checkDirectory(t, path, round)
	}
	s := startStorm(t, path)
	for _, w := range all {
		w.settle(t, s)
	}
	s.kill(t)
	s.report(t)
	t.Logf("%d changes were acknowledged in %d rounds", total, rounds)
}

func checkDirectory(t *testing.T, path string, round int) {
	t.Helper()
	dir, err := directory.Open(t.Context(), directory.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	found, err := dir.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Errorf("after kill %d: %s", round+1, line)
	}
}

// storm is a server in a process of its own, and what its clients have seen of it.
type storm struct {
	base     string // of the subscription
	somebody string // object id of who may be given roles
	client   *http.Client
	cmd      *exec.Cmd
	stderr   bytes.Buffer
	ended    chan struct{}

	last         int64 // how many changes are to be acknowledged before the kill
	acknowledged atomic.Int64
	enough       chan struct{}

	mu     sync.Mutex
	faults map[string]int
}

func startStorm(t *testing.T, path string) *storm {
	t.Helper()
	s := &storm{cmd: exec.CommandContext(t.Context(), os.Args[0]), ended: make(chan struct{}), enough: make(chan struct{}), faults: map[string]int{}}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: time.Minute}
	s.cmd.Env = append(os.Environ(), stormFile+"="+path)
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = s.cmd.Wait()
		t.Fatalf("the server ended: %s", &s.stderr)
	}
	s.base, s.somebody, _ = strings.Cut(lines.Text(), " ")
	return s
}

// acknowledge counts a change that the server has answered for.
func (s *storm) acknowledge() {
	if s.acknowledged.Add(1) == s.last {
		close(s.enough)
	}
}

// waitForLast returns in the midst of the changes that follow the last one wanted.
func (s *storm) waitForLast(t *testing.T) {
	t.Helper()
	select {
	case <-s.enough:
	case <-time.After(2 * time.Minute):
		t.Errorf("only %d of %d changes in two minutes", s.acknowledged.Load(), s.last)
	}
}

func (s *storm) kill(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	close(s.ended)
	s.client.CloseIdleConnections()
	if strings.Contains(s.stderr.String(), "DATA RACE") {
		t.Error(&s.stderr)
	}
}

// dead reports whether the server is gone: the error of a client is its end then.
func (s *storm) dead() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *storm) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[fmt.Sprintf(format, args...)]++
}

func (s *storm) report(t *testing.T) {
	t.Helper()
	for fault, times := range s.faults {
		t.Errorf("%s (%d times)", fault, times)
	}
}
