package metadata_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas/directory"
)

// fetchVariable makes this test's program a client that prints what it got.
const fetchVariable = "MIDAS_TEST_FETCH"

func init() {
	address := os.Getenv(fetchVariable)
	if address == "" {
		return
	}
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err == nil {
		r.Header.Set("Metadata", "true")
		var out *http.Response
		if out, err = http.DefaultClient.Do(r); err == nil {
			text, _ := io.ReadAll(out.Body)
			fmt.Printf("%d %s", out.StatusCode, text)
			os.Exit(0)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// fetch is a request by another process.
func (w *world) fetch(address string, as *syscall.SysProcAttr) string {
	w.Helper()
	r := w.imds()
	// The program may be in a folder that another user cannot enter.
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{fetchVariable + "=http://" + address + r.path + "?" + r.query}
	cmd.SysProcAttr = as
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func serving(t *testing.T, w *world) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	w.must(err)
	server := &http.Server{Handler: w.endpoint}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// Two processes of two users at one address: each is its own machine, a third is none.
func TestRecognitionTellsUsersApart(t *testing.T) {
	if os.Geteuid() != 0 {
		leaveOut(t, "only root can run processes of other users")
	}
	w := newWorld(t)
	a, b := w.neighbour("a"), w.neighbour("b")
	w.match("a", "user", directory.WorkloadMatchInput{UserID: "12345"})
	w.match("b", "user", directory.WorkloadMatchInput{UserID: "12346"})
	address := serving(t, w)
	for uid, want := range map[uint32]string{12345: a.System.ClientID, 12346: b.System.ClientID, 12347: "401 ", 0: "401 "} {
		out := w.fetch(address, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}})
		if !strings.Contains(out, want) {
			t.Errorf("user %d: %.60s", uid, out)
		}
	}
}

// By control group: inside, below it, another machine's, and neither.
func TestRecognitionByControlGroup(t *testing.T) {
	root := cgroups(t)
	w := newWorld(t)
	a, b := w.neighbour("a"), w.neighbour("b")
	name := fmt.Sprintf("midas-test-%d", os.Getpid())
	// More groups, so that a number that is found anywhere is not enough.
	for _, path := range []string{name, name + "-inner", name + "/deep", name + "/deep/er", name + "-not"} {
		if err := os.Mkdir(filepath.Join(root, path), 0o755); err != nil {
			leaveOut(t, "control groups cannot be made here: %v", err)
		}
		t.Cleanup(func() { os.Remove(filepath.Join(root, path)) })
	}
	w.match("a", "app", directory.WorkloadMatchInput{Cgroup: "/" + name})
	w.match("b", "inner", directory.WorkloadMatchInput{Cgroup: "/" + name + "-inner"})
	w.match("a", "gone", directory.WorkloadMatchInput{Cgroup: "/" + name + "/was/never/there"})
	address := serving(t, w)
	for path, want := range map[string]string{
		name: a.System.ClientID, name + "/deep/er": a.System.ClientID, name + "-inner": b.System.ClientID,
		name + "-not": "401 ", "": "401 ",
	} {
		folder, err := os.Open(filepath.Join(root, path))
		w.must(err)
		out := w.fetch(address, &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())})
		folder.Close()
		if !strings.Contains(out, want) {
			t.Errorf("in /%s: %.120s", path, out)
		}
	}
	// User and group say different things: nobody is let in.
	w.match("b", "user", directory.WorkloadMatchInput{UserID: fmt.Sprint(os.Getuid())})
	folder, err := os.Open(filepath.Join(root, name))
	w.must(err)
	defer folder.Close()
	if out := w.fetch(address, &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}); !strings.HasPrefix(out, "401 ") {
		t.Errorf("with workload matches of two machines: %.60s", out)
	}
}

// cgroups is where control groups of version 2 are.
func cgroups(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if err := unix.Statfs(path, &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return path
		}
	}
	leaveOut(t, "no control groups of version 2 here")
	return ""
}

// leaveOut ends a test that this machine cannot run; in CI it fails.
func leaveOut(t *testing.T, why string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must run this: "+why, args...)
	}
	t.Skipf("left out: "+why, args...)
}
