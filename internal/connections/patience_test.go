package connections

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A body that the handler reads has the time of a whole request, and one that it does not
// read a second, however it is announced.
func TestOnlyBodiesThatAreReadAreWaitedFor(t *testing.T) {
	for _, c := range []struct {
		line, announces string
		held            time.Duration
		answer          string
	}{
		{"POST /nowhere", "Content-Length: 9\r\n", bodyGrace, "404"},
		{"POST /nowhere", "Transfer-Encoding: chunked\r\n", bodyGrace, "404"},
		{"GET /nowhere", "Content-Length: 9\r\n", bodyGrace, "400"},
		{"DELETE /nowhere", "Transfer-Encoding: chunked\r\n", bodyGrace, "408"},
		{"POST /nowhere", "Content-Length: 9\r\nExpect: 100-continue\r\n", bodyGrace, "404"},
		{"POST /read", "Content-Length: 9\r\n", 30 * time.Second, "400"},
		{"POST /late", "Content-Length: 9\r\n", 30 * time.Second, "400"},
	} {
		t.Run(fmt.Sprint(c.line, " ", strings.TrimSpace(c.announces)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := serveBodies(t).dial("127.0.0.1")
				began := time.Now()
				go io.WriteString(conn, c.line+" HTTP/1.1\r\nHost: x\r\n"+c.announces+"\r\n")
				answer, _ := io.ReadAll(conn)
				if held := time.Since(began); held != c.held {
					t.Errorf("held its connection for %s", held)
				}
				if !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.answer) {
					t.Errorf("%q", answer)
				}
			})
		})
	}
}

// Bodies that come in time are read, and the connection is good for more.
func TestBodiesThatComeAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := serveBodies(t).dial("127.0.0.1")
		for _, path := range []string{"/read", "/late", "/nowhere", "/read"} {
			go func() {
				io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
				if path == "/nowhere" {
					time.Sleep(bodyGrace / 2)
				} else {
					time.Sleep(20 * time.Second)
				}
				io.WriteString(conn, "body")
			}()
			res, err := http.ReadResponse(conn.read, nil)
			if err != nil {
				t.Fatal(path, err)
			}
			said, err := io.ReadAll(res.Body)
			if want := strings.Trim(path, "/"); err != nil || path != "/nowhere" && string(said) != want+" body" {
				t.Errorf("%s: %q, %v", path, said, err)
			}
		}
	})
}

// serveBodies serves /read, which reads its body, and /late, which does so after a while.
func serveBodies(t *testing.T) listener {
	l := make(listener)
	read := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "cut short", http.StatusBadRequest)
		}
		fmt.Fprintf(w, "%s %s", strings.Trim(r.URL.Path, "/"), body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/read", read)
	mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Second)
		read(w, r)
	})
	server := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second}
	limit(server, 8)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return l
}
