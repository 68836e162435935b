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
