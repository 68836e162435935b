package peer

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestWholeMapOfUsers(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true,
		"         0       1000          1\n": false,
		"0 0 65536\n":                        false,
		"0 100000 4294967295\n":              false,
		"0 0 1\n1 1 4294967294\n":            false,
		"":                                   false,
	} {
		if got := wholeMap(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// In a user namespace whose users are not all named there, the id that stands for the
// others proves nothing, while one that is mapped does: this test's program runs again in
// a namespace where it is not mapped, and then in one where it is.
func TestUnmappedUsersAreNobody(t *testing.T) {
	if os.Getenv("MIDAS_TEST_USERMAP") != "" {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		client, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		p, err := Of(netip.MustParseAddrPort(client.LocalAddr().String()), netip.MustParseAddrPort(client.RemoteAddr().String()))
		t.Logf("peer: %d, %v", p.UserID, err)
		return
	}
	for name, c := range map[string]struct {
		maps []syscall.SysProcIDMap
		want string
	}{
		"unmapped": {nil, "may be any user outside"},
		"mapped":   {[]syscall.SysProcIDMap{{ContainerID: 7, HostID: os.Getuid(), Size: 1}}, "peer: 7, <nil>"},
	} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "MIDAS_TEST_USERMAP=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: c.maps}
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 && os.Getenv("CI") == "" {
			t.Skipf("left out: this system has no namespaces for users: %v", err)
		}
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
