//go:build linux

package confine_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/midas-mysql/midas/internal/confine"
)

// try is argument one of this binary when it is the confined program.
const try = "try"

func TestMain(m *testing.M) {
	confine.Enter()
	if len(os.Args) > 1 && os.Args[1] == try {
		attempt(os.Args[2:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// attempt does what each word says and prints the words of what succeeded.
func attempt(words []string) {
	for _, word := range words {
		what, arg, _ := strings.Cut(word, "=")
		var err error
		switch what {
		case "read":
			_, err = os.ReadFile(arg)
		case "list":
			_, err = os.ReadDir(arg)
		case "write":
			err = os.WriteFile(arg, []byte("x"), 0o600)
		case "truncate":
			err = os.Truncate(arg, 0)
		case "remove":
			err = os.Remove(arg)
		case "link":
			err = os.Link(arg, filepath.Join(os.Getenv("OWN"), "hard"))
		case "run":
			_, err = syscall.ForkExec(arg, []string{arg}, nil)
		case "mount":
			err = syscall.Mount("none", arg, "tmpfs", 0, "")
		case "tcp", "unix":
			var c net.Conn
			if c, err = net.Dial(what, arg); err == nil {
				c.Close()
			}
		case "listen":
			_, err = net.Listen("tcp", arg)
		case "signal":
			pid, _ := strconv.Atoi(arg)
			err = syscall.Kill(pid, 0)
		case "gives way":
			var score []byte
			if score, err = os.ReadFile("/proc/self/oom_score_adj"); err == nil && strings.TrimSpace(string(score)) != arg {
				err = fmt.Errorf("it has %s", score)
			}
		case "setuid":
			err = syscall.Setuid(12345)
		}
		if err == nil {
			fmt.Println(what)
		} else {
			fmt.Fprintln(os.Stderr, word, err)
		}
	}
}

func mechanisms(t *testing.T, test func(t *testing.T, m confine.Mechanism)) {
	for name, m := range map[string]confine.Mechanism{"Landlock": confine.Landlock, "namespaces": confine.Namespaces} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(confine.Available(), m) {
				t.Fatalf("%s does not work here, only %q", m, confine.Available())
			}
			test(t, m)
		})
	}
}

// attempted runs this binary confined and returns what it could do.
func attempted(t *testing.T, m confine.Mechanism, own string, read []string, words ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := m.Command(confine.Rules{
		Read: append(read, self, "/usr", "/lib", "/lib64"), Write: []string{own}, Root: t.TempDir(), DeathSignal: syscall.SIGKILL,
	}, self, append([]string{try}, words...)...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"OWN=" + own, "GOTRACEBACK=none", "GODEBUG=multipathtcp=0"}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Log(stderr.String())
	return strings.Fields(string(out))
}

// Those who set a confined server up say how much memory it uses: where there is none left it ends, and
// not midas.
func TestConfinedProgramGivesWay(t *testing.T) {
	mechanisms(t, func(t *testing.T, m confine.Mechanism) {
		if did := attempted(t, m, t.TempDir(), []string{"/proc"}, "gives way=500"); len(did) == 0 {
			t.Error("the kernel may end others first")
		}
	})
}

func file(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("secret"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfinedProgramReachesItsOwnFiles(t *testing.T) {
	mechanisms(t, func(t *testing.T, m confine.Mechanism) {
		own, shown := t.TempDir(), t.TempDir()
		file(t, filepath.Join(shown, "a"))
		words := []string{
			"read=" + filepath.Join(shown, "a"), "list=" + shown, "write=" + filepath.Join(own, "b"), "truncate=" + filepath.Join(own, "b"),
			"remove=" + filepath.Join(own, "b"), "list=" + own, "read=/dev/null", "write=/dev/null",
		}
		got := attempted(t, m, own, []string{shown, "/does/not/exist"}, words...)
		if len(got) != len(words) {
			t.Errorf("only %v of %v", got, words)
		}
	})
}

func TestConfinedProgramReachesNothingElse(t *testing.T) {
	mechanisms(t, func(t *testing.T, m confine.Mechanism) {
		own, other, shown := t.TempDir(), t.TempDir(), t.TempDir()
		secret, library := file(t, filepath.Join(other, "secret")), file(t, filepath.Join(shown, "library"))
		file(t, filepath.Join(own, "program"))
		if err := os.Symlink(secret, filepath.Join(own, "link")); err != nil {
			t.Fatal(err)
		}
		tcp, abstract := listen(t, "tcp", "127.0.0.1:0"), listen(t, "unix", "@midas-confine-"+strconv.Itoa(os.Getpid())+t.Name())
		process := "/proc/" + strconv.Itoa(os.Getpid())
		got := attempted(t, m, own, []string{shown},
			"read="+secret, "list="+other, "write="+secret, "write="+filepath.Join(other, "new"), "truncate="+secret, "remove="+secret,
			"read="+filepath.Join(own, "link"), "write="+filepath.Join(own, "link"), "link="+secret,
			"write="+library, "remove="+library, "write="+filepath.Join(shown, "new"), "truncate="+library,
			"read=/etc/shadow", "read="+process+"/environ", "read="+process+"/root"+secret, "read="+process+"/mem",
			"run="+filepath.Join(own, "program"), "mount="+own, "signal="+strconv.Itoa(os.Getpid()), "setuid=",
			"tcp="+tcp, "listen=127.0.0.1:0", "unix="+abstract)
		if m == confine.Namespaces {
			// It has no processes of its own, and what it cannot see of others it cannot
			// use, but a signal needs no more than a number.
			got = slices.DeleteFunc(got, func(s string) bool { return s == "signal" || s == "listen" })
		}
		if len(got) > 0 {
			t.Errorf("it could %v", got)
		}
		if text, err := os.ReadFile(secret); err != nil || string(text) != "secret" {
			t.Errorf("what is outside became %q, %v", text, err)
		}
	})
}

func listen(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestUnknownMechanismRunsNothing: a program that was to be confined never runs as it is.
func TestUnknownMechanismRunsNothing(t *testing.T) {
	cmd, err := confine.Mechanism("wishes").Command(confine.Rules{}, "/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no mechanism") {
		t.Errorf("it ran: %v, %s", err, out)
	}
}
