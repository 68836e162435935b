package metadata_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// By the user of the process: this test's own, over real connections of both kinds.
func TestRecognitionByUser(t *testing.T) {
	w := newWorld(t)
	me, other := w.neighbour("me"), w.neighbour("other")
	w.match("other", "them", directory.WorkloadMatchInput{UserID: strconv.Itoa(os.Getuid() + 1)})
	for _, listen := range []struct{ network, address string }{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp", ":0"}} {
		ln, err := net.Listen(listen.network, listen.address)
		if err != nil {
			t.Log(err) // no IPv6 here
			continue
		}
		server := &http.Server{Handler: w.endpoint}
		go server.Serve(ln)
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		host := "127.0.0.1"
		if listen.network == "tcp6" {
			host = "::1"
		}
		if got := w.over(net.JoinHostPort(host, port)); got != "401" {
			t.Errorf("%s: a user of no machine: %s", listen.address, got)
		}
		w.match("me", "i", directory.WorkloadMatchInput{UserID: strconv.Itoa(os.Getuid())})
		if got := w.over(net.JoinHostPort(host, port)); got != me.System.ClientID {
			t.Errorf("%s: %s, want %s, not %s", listen.address, got, me.System.ClientID, other.System.ClientID)
		}
		// Both matches, of two machines: the address is the stronger one.
		w.match("other", "net", directory.WorkloadMatchInput{CIDR: host, InsecureOwn: true})
		if got := w.over(net.JoinHostPort(host, port)); got != other.System.ClientID {
			t.Errorf("%s: address and user: %s", listen.address, got)
		}
		for vm, name := range map[string]string{"other": "net", "me": "i"} {
			if _, err := w.directory.DeleteWorkloadMatch(t.Context(), nil, group, vm, name); err != nil {
				t.Fatal(err)
			}
		}
		server.Close()
	}
}

// over asks for a token over a real connection, without a secret.
func (w *world) over(address string) string { return w.overFrom("0.0.0.0", address) }

// overFrom is over from an address of this machine.
func (w *world) overFrom(source, address string) string {
	w.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	if strings.HasPrefix(address, "[") {
		dialer = net.Dialer{}
	}
	r := w.from("")
	in, err := http.NewRequestWithContext(w.Context(), r.method, "http://"+address+r.path+"?"+r.query, nil)
	w.must(err)
	in.Header = r.header
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	out, err := client.Do(in)
	w.must(err)
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	w.must(err)
	if out.StatusCode != 200 {
		return strconv.Itoa(out.StatusCode)
	}
	var answer map[string]string
	w.must(json.Unmarshal(text, &answer))
	return w.principal(answer).ClientID
}

// A client that has closed its end is nobody: the kernel says user id 0 of what is left.
func TestRecognitionOfAClosedSocket(t *testing.T) {
	w := newWorld(t)
	root := w.neighbour("root")
	w.match("root", "root", directory.WorkloadMatchInput{UserID: "0"})
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	w.must(err)
	answers := make(chan int, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// net/http cancels the context once the client is gone; the endpoint must not
		// need that to refuse.
		<-r.Context().Done()
		in := r.Clone(context.WithValue(context.WithoutCancel(r.Context()), http.LocalAddrContextKey, r.Context().Value(http.LocalAddrContextKey)))
		out := httptest.NewRecorder()
		w.endpoint.ServeHTTP(out, in)
		answers <- out.Code
	})}
	go server.Serve(ln)
	defer server.Close()
	conn, err := net.Dial("tcp4", ln.Addr().String())
	w.must(err)
	r := w.from("")
	_, err = io.WriteString(conn, "GET "+r.path+"?"+r.query+" HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: true\r\n\r\n")
	w.must(err)
	w.must(conn.Close())
	if code := <-answers; code != 401 {
		t.Errorf("status %d for a socket that nobody holds, as machine %s", code, root.Name)
	}
}
