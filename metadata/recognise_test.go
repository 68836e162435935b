package metadata_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// neighbour makes another machine with an identity of its own, and returns it.
func (w *world) neighbour(name string) directory.VM {
	w.Helper()
	vm, _, err := w.directory.PutVM(w.Context(), nil, group, name, w.change("SystemAssigned"))
	w.must(err)
	return vm
}

func (w *world) match(vm, name string, m directory.WorkloadMatchInput) {
	w.Helper()
	_, _, err := w.directory.PutWorkloadMatch(w.Context(), nil, group, vm, name, m)
	w.must(err)
}

// from is a right request without a secret, from an address.
func (w *world) from(remote string) request {
	r := w.imds()
	r.header.Del("X-Identity-Header")
	r.remote = remote
	return r
}

// whose returns the client id of the token that r gets, or the status.
func (w *world) whose(r request) string {
	w.Helper()
	out := w.send(r)
	if out.Code != 200 {
		if strings.Contains(out.Body.String(), "access_token") {
			w.Errorf("status %d with a token", out.Code)
		}
		return strconv.Itoa(out.Code)
	}
	var answer map[string]string
	w.must(json.Unmarshal(out.Body.Bytes(), &answer))
	return w.principal(answer).ClientID
}

// A machine is recognised by its source address, however the socket spells an IPv4 address,
// and by none before it has a match.
func TestRecognitionByAddress(t *testing.T) {
	w := newWorld(t)
	a, b, six := w.neighbour("a"), w.neighbour("b"), w.neighbour("six")
	if got := w.whose(w.from("10.1.2.3:40000")); got != "401" {
		t.Errorf("before there are workload matches: %s", got)
	}
	w.match("a", "net", directory.WorkloadMatchInput{CIDR: "10.1.0.0/16"})
	w.match("b", "one", directory.WorkloadMatchInput{CIDR: "10.3.2.3"})
	w.match("six", "net", directory.WorkloadMatchInput{CIDR: "fd00:1::/64"})
	for remote, want := range map[string]string{
		"10.3.2.3:40000":             b.System.ClientID,
		"10.1.2.3:40000":             a.System.ClientID,
		"[::ffff:10.3.2.3]:40000":    b.System.ClientID,
		"[::ffff:10.1.9.9]:40000":    a.System.ClientID,
		"[fd00:1::5]:40000":          six.System.ClientID,
		"[fd00:1::5%eth0]:40000":     six.System.ClientID,
		"[fd00:2::5]:40000":          "401",
		"[::10.1.2.3]:40000":         "401", // an old, other way to write one in the other
		"[64:ff9b::10.1.2.3]:40000":  "401",
		"10.2.2.3:40000":             "401",
		"127.0.0.1:40000":            "401",
		"not an address":             "401",
		"10.1.2.3.example.com:40000": "401",
	} {
		if got := w.whose(w.from(remote)); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
	deleted, err := w.directory.DeleteVM(t.Context(), nil, group, "b")
	if err != nil || !deleted {
		t.Fatal(err)
	}
	if got := w.whose(w.from("10.3.2.3:40000")); got != "401" {
		t.Errorf("after the machine is gone: %s", got)
	}
	if _, err := w.directory.DeleteWorkloadMatch(t.Context(), nil, group, "a", "net"); err != nil {
		t.Fatal(err)
	}
	if got := w.whose(w.from("10.1.2.3:40000")); got != "401" {
		t.Errorf("after the workload match is gone: %s", got)
	}
}

// What a caller says of its address is nothing, and who has a wrong secret gets nothing
// by its address.
func TestRecognitionIsNotSpoofed(t *testing.T) {
	w := newWorld(t)
	a, b := w.neighbour("a"), w.neighbour("b")
	w.match("a", "net", directory.WorkloadMatchInput{CIDR: "10.1.2.3/32"})
	for name, header := range map[string]http.Header{
		"X-Forwarded-For": {"X-Forwarded-For": {"10.1.2.3"}},
		"Forwarded":       {"Forwarded": {"for=10.1.2.3"}},
		"X-Real-IP":       {"X-Real-Ip": {"10.1.2.3"}},
		"Via":             {"Via": {"1.1 10.1.2.3"}},
		"Client-IP":       {"Client-Ip": {"10.1.2.3"}, "True-Client-Ip": {"10.1.2.3"}, "X-Client-Ip": {"10.1.2.3"}},
	} {
		r := w.from("10.9.9.9:1")
		for k, v := range header {
			r.header[k] = v
		}
		if got := w.whose(r); got != "401" && got != "400" {
			t.Errorf("%s: %s", name, got)
		}
		if r.remote = "10.1.2.3:1"; name != "Client-IP" {
			if got := w.whose(r); got != "401" && got != "400" {
				t.Errorf("%s through the machine's own proxy: %s", name, got)
			}
		}
	}
	r := w.from("10.1.2.3:1")
	for secret, want := range map[string]string{
		a.VMID + ".wrong": "401", "": "401", secretOf(b.VMID): b.System.ClientID, secretOf(a.VMID): a.System.ClientID,
	} {
		r.header.Set("X-Identity-Header", secret)
		if got := w.whose(r); got != want {
			t.Errorf("secret %.8s…: %s, want %s", secret, got, want)
		}
	}
	r.header.Del("X-Identity-Header")
	r.path = "/as/" + a.VMID + ".wrong" + r.path
	if got := w.whose(r); got != "401" {
		t.Errorf("a wrong secret in the path: %s", got)
	}
	// In the path case is lost with some clients; in the header it counts.
	r = w.from("10.9.9.9:1")
	r.path = "/as/" + strings.ToUpper(secretOf(a.VMID)) + r.path
	if got := w.whose(r); got != a.System.ClientID {
		t.Errorf("the secret in the path in upper case: %s", got)
	}
	r = w.from("10.9.9.9:1")
	r.header.Set("X-Identity-Header", strings.ToUpper(secretOf(a.VMID)))
	if got := w.whose(r); got != "401" {
		t.Errorf("the secret in the header in upper case: %s", got)
	}
}

// A machine's own listener identifies the caller, also for a machine that is made again; a
// secret that says something else is refused.
func TestRecognitionByOwnListener(t *testing.T) {
	w := newWorld(t)
	a, b := w.neighbour("a"), w.neighbour("b")
	w.match("b", "net", directory.WorkloadMatchInput{CIDR: "10.1.2.3"})
	all := w.endpoint
	own := func(id string, r request) string {
		t.Helper()
		out := httptest.NewRecorder()
		in := httptest.NewRequest(r.method, "http://169.254.169.254"+r.path+"?"+r.query, nil)
		in.Header, in.RemoteAddr = r.header, "10.1.2.3:1"
		all.Own(id).ServeHTTP(out, in)
		if out.Code != 200 {
			return strconv.Itoa(out.Code)
		}
		var answer map[string]string
		w.must(json.Unmarshal(out.Body.Bytes(), &answer))
		return w.principal(answer).ClientID
	}
	r := w.from("")
	if got := own(strings.ToLower(a.ID), r); got != a.System.ClientID {
		t.Errorf("own listener: %s", got)
	}
	for secret, want := range map[string]string{secretOf(a.VMID): a.System.ClientID, secretOf(b.VMID): "401", "": "401"} {
		r.header.Set("X-Identity-Header", secret)
		if got := own(a.ID, r); got != want {
			t.Errorf("own listener with the secret %.8s…: %s, want %s", secret, got, want)
		}
	}
	r.header.Del("X-Identity-Header")
	if _, err := w.directory.DeleteVM(t.Context(), nil, group, "a"); err != nil {
		t.Fatal(err)
	}
	if got := own(a.ID, r); got != "401" {
		t.Errorf("own listener of a machine that is gone: %s", got)
	}
	again := w.neighbour("a")
	if got := own(a.ID, r); got != again.System.ClientID || got == a.System.ClientID {
		t.Errorf("own listener of a machine that was made again: %s", got)
	}
}

// Once the removal of an identity or the deletion of a machine is acknowledged, no token is
// answered, however many the endpoint has cached.
func TestCachedTokensEndWithTheirIdentity(t *testing.T) {
	w := newWorld(t)
	id := w.identity("myManagedIdentity")
	for i := range 20 {
		w.token(w.imds())
		var err error
		if i%2 == 0 {
			_, err = w.directory.DeleteIdentity(t.Context(), nil, group, "myManagedIdentity")
		} else {
			_, err = w.directory.UpdateVMIdentity(t.Context(), w.vm.ID, directory.IdentityPatch{Type: "None"})
		}
		w.must(err)
		if out := w.send(w.imds()); out.Code != 400 {
			t.Fatalf("%d: status %d after the identity was taken away", i, out.Code)
		}
		id = w.identity("myManagedIdentity")
	}
	if p := w.principal(w.token(w.imds())); p.ClientID != id.ClientID {
		t.Errorf("token of %s", p.ClientID)
	}
}
