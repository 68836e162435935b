package vmns

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// namespace makes a network namespace that lives as long as the test, and returns its
// path and what runs a command in it.
func namespace(t *testing.T) (path string, run func(name string, args ...string) (string, error)) {
	t.Helper()
	// A process that waits holds it open.
	holder := exec.Command("cat")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if err := holder.Start(); err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = holder.Wait()
	})
	path = fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)
	return path, func(name string, args ...string) (string, error) {
		out, err := exec.Command("nsenter", append([]string{"--net=" + path, name}, args...)...).CombinedOutput()
		return string(out), err
	}
}

// One process serves the same address in two namespaces, each its own way, and stays
// where it is.
func TestListenInTwoNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		skipOrFail(t, errors.New("only root can enter one that another process made"))
	}
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		path, run := namespace(t)
		ln, err := Listen(path, "169.254.169.254:80")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "I am "+name) })}
		go server.Serve(ln)
		t.Cleanup(func() { server.Close() })
		t.Run(name, func(t *testing.T) {
			out, err := run("curl", "-s", "--noproxy", "*", "http://169.254.169.254/")
			if err != nil || out != "I am "+name {
				more, _ := run("sh", "-c", "ip addr; ss -ltn")
				t.Errorf("%q, %v\n%s", out, err, more)
			}
		})
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if now, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil && now != before {
			t.Errorf("thread %s is in %s, not in %s", task.Name(), now, before)
		}
	}
	if conn, err := net.Dial("tcp4", "127.0.0.1:80"); err == nil {
		conn.Close()
		t.Log("something listens on port 80 outside; it is not this test")
	}
}

// A neighbour on a network of the namespace, with a route to the address there, reaches nothing:
// only what is inside is the machine. It makes no difference which interface has the address.
func TestListenOnlyFromInside(t *testing.T) {
	if os.Geteuid() != 0 {
		skipOrFail(t, errors.New("only root can enter one that another process made"))
	}
	const there = "ip addr add 169.254.169.254/32 dev v0 && "
	for name, has := range map[string]string{
		"an address that is added": "", "an address that is there": there, "twice": there + "ip addr add 169.254.169.254/32 dev lo && ",
	} {
		t.Run(name, func(t *testing.T) {
			path, inside := namespace(t)
			neighbour, outside := namespace(t)
			if out, err := inside("sh", "-c", "ip link add v0 type veth peer name v1 netns "+strings.Split(neighbour, "/")[2]+
				" && ip addr add 10.9.8.1/24 dev v0 && "+has+"ip link set v0 up && ip link set lo up"); err != nil {
				t.Fatal(out, err)
			}
			if out, err := outside("sh", "-c", "ip addr add 10.9.8.2/24 dev v1 && ip link set v1 up && ip route add 169.254.169.254/32 via 10.9.8.1"); err != nil {
				t.Fatal(out, err)
			}
			ln, err := Listen(path, "169.254.169.254:80")
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the token") })}
			go server.Serve(ln)
			defer server.Close()
			const ask = "curl -s --noproxy '*' --max-time 3 http://169.254.169.254/"
			if out, err := inside("sh", "-c", ask); err != nil || out != "the token" {
				t.Errorf("from inside: %q, %v", out, err)
			}
			if out, err := outside("sh", "-c", ask); err == nil {
				t.Errorf("from a neighbour: %q", out)
			}
		})
	}
}

func TestListenRefuses(t *testing.T) {
	if _, err := Listen("/proc/self/ns/net", "169.254.169.254:80"); err == nil || !strings.Contains(err.Error(), "own") {
		t.Errorf("the own namespace: %v", err)
	}
	if _, err := Listen("/run/netns/no-such-namespace", "169.254.169.254:80"); midas.CodeOf(err) != midas.NotFound {
		t.Errorf("no namespace: %v", err)
	}
	if _, err := Listen("/dev/null", "169.254.169.254:80"); err == nil {
		t.Error("a file that is no namespace")
	}
}
