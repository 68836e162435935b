package vmns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// answer serves text over HTTP, with the Host that was asked for.
func answer(text string) func(net.Listener) error {
	return func(l net.Listener) error {
		return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s for %s%s\n", text, r.Host, r.URL.Path)
		}))
	}
}

// each runs test for every kind of namespace and user that this machine allows, and
// says which it does not. At least one must be left.
func each(t *testing.T, test func(t *testing.T, run func(Config) (int, string, error))) {
	tried := 0
	for name, flags := range map[string]uintptr{
		"user namespace":  unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUSER,
		"root's own user": unix.CLONE_NEWNET | unix.CLONE_NEWNS,
	} {
		t.Run(name, func(t *testing.T) {
			if flags&unix.CLONE_NEWUSER == 0 && os.Geteuid() != 0 {
				t.Skip("not root: no namespace without a user namespace")
			}
			if _, err := run(t.Context(), Config{Command: []string{"true"}, Env: os.Environ()}, flags); errors.Is(err, ErrForbidden) {
				skipOrFail(t, err)
			}
			tried++
			test(t, func(cfg Config) (int, string, error) {
				var out bytes.Buffer
				cfg.Stdout, cfg.Stderr = &out, &out
				if cfg.Env == nil {
					cfg.Env = os.Environ()
				}
				code, err := run(t.Context(), cfg, flags)
				return code, out.String(), err
			})
		})
	}
}

func skipOrFail(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must have namespaces: %v", err)
	}
	t.Skipf("left out, no namespaces here: %v", err)
}

func TestTrafficReachesTheParent(t *testing.T) {
	need(t, "curl")
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		code, out, err := run(Config{
			Forwards: []Forward{
				{"169.254.169.254:80", answer("metadata")},
				{"127.0.0.1:3306", answer("database")},
			},
			Hosts: map[string]string{"mydb.mysql.database.azure.com": "127.0.0.1"},
			Command: []string{"sh", "-c", `curl -sS --noproxy '*' http://169.254.169.254/token
				curl -sS --noproxy '*' http://mydb.mysql.database.azure.com:3306/`},
		})
		if code != 0 || err != nil {
			t.Fatalf("status %d, error %v, output %s", code, err, out)
		}
		want := "metadata for 169.254.169.254/token\ndatabase for mydb.mysql.database.azure.com:3306/\n"
		if diff := cmp.Diff(want, out); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNamesThatComeUpLaterAreFound(t *testing.T) {
	need(t, "getent")
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		added, say := io.Pipe()
		ended := false
		code, out, err := run(Config{
			Hosts: map[string]string{"early.example": "127.0.0.2"},
			Learn: func(ctx context.Context, add func(map[string]string) error) {
				if err := add(map[string]string{"bad name": "127.0.0.3"}); err == nil {
					t.Error("a name with a blank was taken")
				}
				if err := add(map[string]string{"late.example": "127.0.0.3", "early.example": "127.0.0.4"}); err != nil {
					t.Error(err)
				}
				say.Close()
				<-ctx.Done()
				ended = true
			},
			Command: []string{"sh", "-c", "cat; getent hosts late.example; grep -m 1 early.example /etc/hosts"}, Stdin: added,
		})
		if code != 0 || err != nil || !ended {
			t.Fatalf("status %d, error %v, ended %v, output %s", code, err, ended, out)
		}
		if got := strings.Fields(out); !slices.Equal(got, []string{"127.0.0.3", "late.example", "127.0.0.2", "early.example"}) {
			t.Errorf("found %q", got)
		}
	})
}

func TestUnknownNamesFailAtOnce(t *testing.T) {
	need(t, "timeout")
	need(t, "getent")
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		// timeout ends with 124 when it had to end the command.
		code, out, err := run(Config{Command: []string{"timeout", "4", "getent", "hosts", "elsewhere.example.org"}})
		if code == 0 || code == 124 || err != nil {
			t.Errorf("status %d, error %v, output %s", code, err, out)
		}
	})
}

func TestNoRouteToTheOutside(t *testing.T) {
	need(t, "curl")
	// The outside's own loopback is outside too.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { _ = answer("outside")(l) }()
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		for _, address := range []string{l.Addr().String(), "192.0.2.1:80", "169.254.169.253:80"} {
			code, out, err := run(Config{Command: []string{
				"curl", "-sS", "--noproxy", "*", "--max-time", "5", "http://" + address,
			}})
			if code != 7 || err != nil { // curl's status for "could not connect"
				t.Errorf("%s: status %d, error %v, output %s; want a refused connection", address, code, err, out)
			}
		}
	})
}

func TestCommandIsItself(t *testing.T) {
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		code, out, err := run(Config{
			Command: []string{"sh", "-c", "id -u; id -g; pwd; echo $MIDAS_VM; read line; echo got:$line; ls -l /proc/self/fd | grep -c socket:"},
			Env:     []string{"PATH=/usr/bin:/bin", "MIDAS_VM=myVM"},
			Stdin:   strings.NewReader("typed\n"),
		})
		dir, wdErr := os.Getwd()
		if wdErr != nil {
			t.Fatal(wdErr)
		}
		// No socket of the set-up, nor of the parent, is left open in the command.
		want := fmt.Sprintf("%d\n%d\n%s\nmyVM\ngot:typed\n0\n", os.Getuid(), os.Getgid(), dir)
		if code != 1 || err != nil || out != want { // grep found none
			t.Errorf("status %d, error %v, difference %s", code, err, cmp.Diff(want, out))
		}
	})
}

func TestExitStatusPasses(t *testing.T) {
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		for _, test := range []struct {
			command []string
			status  int
			code    midas.Code
		}{
			{[]string{"true"}, 0, ""},
			{[]string{"sh", "-c", "exit 7"}, 7, ""},
			{[]string{"sh", "-c", "kill -TERM $$"}, 128 + 15, ""},
			{[]string{"no-such-command-anywhere"}, exitNotFound, midas.NotFound},
			{[]string{"/no/such/command"}, exitNotFound, midas.NotFound},
			{[]string{"/dev/null"}, exitNotExecutable, midas.Invalid},
		} {
			status, out, err := run(Config{Command: test.command})
			if status != test.status || (err != nil) != (test.code != "") || err != nil && midas.CodeOf(err) != test.code {
				t.Errorf("%v: status %d, error %v, output %s; want status %d, class %q",
					test.command, status, err, out, test.status, test.code)
			}
		}
	})
}

func TestTwoAtOnce(t *testing.T) {
	need(t, "curl")
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		var inside, wg sync.WaitGroup
		inside.Add(2)
		for _, vm := range []string{"vmA", "vmB"} {
			wg.Go(func() {
				meet := func(l net.Listener) error {
					return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						inside.Done()
						inside.Wait() // until the other VM is here too
						fmt.Fprint(w, vm)
					}))
				}
				code, out, err := run(Config{
					Forwards: []Forward{{"169.254.169.254:80", meet}},
					Command:  []string{"curl", "-sS", "--noproxy", "*", "--max-time", "20", "http://169.254.169.254/"},
				})
				if code != 0 || err != nil || out != vm {
					t.Errorf("%s: status %d, error %v, output %q", vm, code, err, out)
				}
			})
		}
		wg.Wait()
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		before, err := os.ReadFile("/etc/hosts")
		if err != nil {
			t.Fatal(err)
		}
		if _, out, err := run(Config{Command: []string{"true"}, Hosts: map[string]string{"a": "127.0.0.1"}}); err != nil {
			t.Fatal(err, out)
		}
		after, err := os.ReadFile("/etc/hosts")
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the machine's hosts changed to %s (%v)", after, err)
		}
		left, err := os.ReadDir(os.TempDir())
		if err != nil || len(left) != 0 {
			t.Errorf("left in the temporary directory: %v (%v)", left, err)
		}
	})
}

func TestRefusesBadForward(t *testing.T) {
	each(t, func(t *testing.T, run func(Config) (int, string, error)) {
		_, _, err := run(Config{Forwards: []Forward{{"[::1]:80", answer("")}}, Command: []string{"true"}})
		if err == nil || !strings.Contains(err.Error(), `"[::1]:80" is not an IPv4 address and port`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestForbiddenWhereTheKernelSaysNo(t *testing.T) {
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL} {
		if err := startError(&os.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: no}); !errors.Is(err, ErrForbidden) {
			t.Errorf("%v: got %v, want ErrForbidden", no, err)
		}
	}
	if err := startError(unix.ENOMEM); errors.Is(err, ErrForbidden) {
		t.Errorf("out of memory is taken for a prohibition: %v", err)
	}
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must have %s: %v", program, err)
		}
		t.Skipf("left out: no %s on PATH", program)
	}
}
