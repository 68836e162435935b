package metadata_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// loadAddr names the variable that makes this test binary a load generator for the
// server at its value, instead of running tests.
const loadAddr = "MIDAS_TEST_LOAD_ADDR"

// load is a process that sends requests to a server.
type load struct {
	orders  *json.Encoder
	reports *json.Decoder
}

// plan is the first line that a load generator reads; each line after it is a number of
// requests, which it answers, when they are done, with the error as a string.
type plan struct {
	Clients  int
	Requests []string
}

func newLoad(b *testing.B, addr string, clients int, requests []request) *load {
	b.Helper()
	process := exec.CommandContext(b.Context(), os.Args[0])
	process.Env = append(os.Environ(), loadAddr+"="+addr)
	process.Stderr = os.Stderr
	orders, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	reports, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { orders.Close(); process.Wait() })
	p := plan{Clients: clients}
	for _, r := range requests {
		p.Requests = append(p.Requests, "GET "+r.path+"?"+r.query+" HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\nX-Identity-Header: "+
			r.header.Get("X-Identity-Header")+"\r\n\r\n")
	}
	l := &load{json.NewEncoder(orders), json.NewDecoder(reports)}
	if err := l.orders.Encode(p); err != nil {
		b.Fatal(err)
	}
	return l
}

// run has n requests sent and returns when all are answered.
func (l *load) run(b *testing.B, n int) {
	b.Helper()
	if err := l.orders.Encode(n); err != nil {
		b.Fatal(err)
	}
	var failed string
	if err := l.reports.Decode(&failed); err != nil || failed != "" {
		b.Fatalf("load: %v %s", err, failed)
	}
}

// generateLoad is the other process.
func generateLoad(addr string) {
	orders, reports := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var p plan
	if err := orders.Decode(&p); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	clients := make([]*client, p.Clients)
	for i := range clients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		clients[i] = &client{conn, bufio.NewReader(conn)}
	}
	for n := 0; orders.Decode(&n) == nil; {
		failed := ""
		if err := share(clients, p.Requests, int64(n)); err != nil {
			failed = err.Error()
		}
		reports.Encode(failed)
	}
}

// share has clients send n of the requests, each its next when it has its answer.
func share(clients []*client, requests []string, n int64) error {
	var sent atomic.Int64
	var wg sync.WaitGroup
	failed := make([]error, len(clients))
	for i, c := range clients {
		wg.Go(func() {
			for k := sent.Add(1); k <= n && failed[i] == nil; k = sent.Add(1) {
				failed[i] = c.exchange(requests[k%int64(len(requests))])
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

type client struct {
	conn    net.Conn
	answers *bufio.Reader
}

// exchange sends a request and reads its answer as cheaply as it can be read.
func (c *client) exchange(request string) error {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch text := strings.TrimSpace(string(line)); {
		case first && text != "HTTP/1.1 200 OK":
			return fmt.Errorf("answer %q", text)
		case strings.HasPrefix(text, "Content-Length: "):
			length, _ = strconv.Atoi(text[len("Content-Length: "):])
		case text == "":
			_, err := c.answers.Discard(length)
			return err
		}
	}
}
