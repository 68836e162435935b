package metadata_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas/metadata"
)

// inNamespaces runs the test that calls it again, alone, with a network and a tree of
// mounts of its own, and reports whether this is that run.
func inNamespaces(t *testing.T) bool {
	t.Helper()
	const mark = "MIDAS_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		leaveOut(t, "this system has no namespaces for users: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in namespaces: %v\n%s", err, out)
	}
	return false
}

// linkLocal gives the present network the address of IMDS, and nothing else.
func linkLocal(t *testing.T) {
	t.Helper()
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sock)
	up, _ := unix.NewIfreq("lo")
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, up); err != nil {
		t.Fatal(err)
	}
	address(t, "lo:1", 169, 254, 169, 254)
}

// address gives an interface of the present network an address.
func address(t *testing.T, name string, a ...byte) {
	t.Helper()
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sock)
	ifreq, _ := unix.NewIfreq(name)
	if err := errors.Join(ifreq.SetInet4Addr(a), unix.IoctlIfreq(sock, unix.SIOCSIFADDR, ifreq)); err != nil {
		t.Fatal(err)
	}
}

// Go's azidentity, unmodified, at the real address: ManagedIdentityCredential in each of
// its ways and DefaultAzureCredential with its probe.
func TestAzidentityAtTheRealAddress(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	linkLocal(t)
	w := newWorld(t)
	user, system := w.identity("user-assigned"), w.system()
	ln, err := net.Listen("tcp4", "169.254.169.254:80")
	w.must(err)
	server := &http.Server{Handler: w.endpoint.Own(w.vm.ID)}
	go server.Serve(ln)
	defer server.Close()
	set(t, nil)
	for name, c := range map[string]struct {
		id   azidentity.ManagedIDKind
		want string
	}{
		"system":      {nil, system.ClientID},
		"client id":   {azidentity.ClientID(user.ClientID), user.ClientID},
		"object id":   {azidentity.ObjectID(user.PrincipalID), user.ClientID},
		"resource id": {azidentity.ResourceID(user.ResourceID), user.ClientID},
	} {
		if p, err := w.azidentityToken(c.id); err != nil || p.ClientID != c.want {
			t.Errorf("%s: token of %s, %v", name, p.ClientID, err)
		}
	}
	if p, err := w.defaultToken(); err != nil || p.ClientID != system.ClientID {
		t.Errorf("DefaultAzureCredential: token of %s, %v", p.ClientID, err)
	}
	t.Setenv("AZURE_CLIENT_ID", user.ClientID)
	if p, err := w.defaultToken(); err != nil || p.ClientID != user.ClientID {
		t.Errorf("DefaultAzureCredential with AZURE_CLIENT_ID: token of %s, %v", p.ClientID, err)
	}
}

// Azure Arc as azidentity speaks it, with the folder that it insists on.
func TestAzidentityOnArc(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	linkLocal(t)
	for _, step := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/var/opt", "tmpfs", 0, ""),
		os.MkdirAll("/var/opt/azcmagent/tokens", 0o750),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	w := newWorld(t)
	w.remake(func(c *metadata.Config) {
		c.Arc = metadata.ArcConfig{Dir: "/var/opt/azcmagent/tokens", Machine: w.vm.ID}
	})
	user, system := w.identity("user-assigned"), w.system()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	w.must(err)
	server := &http.Server{Handler: w.endpoint}
	go server.Serve(ln)
	defer server.Close()
	base := "http://" + ln.Addr().String()
	set(t, map[string]string{"IDENTITY_ENDPOINT": base + "/arc/metadata/identity/oauth2/token", "IMDS_ENDPOINT": base})
	for name, c := range map[string]struct {
		id   azidentity.ManagedIDKind
		want string
	}{
		"system":    {nil, system.ClientID},
		"client id": {azidentity.ClientID(user.ClientID), user.ClientID},
		"object id": {azidentity.ObjectID(user.PrincipalID), user.ClientID},
	} {
		if p, err := w.azidentityToken(c.id); err != nil || p.ClientID != c.want {
			t.Errorf("%s: token of %s, %v", name, p.ClientID, err)
		}
	}
	if left, err := filepath.Glob("/var/opt/azcmagent/tokens/*"); err != nil || len(left) > 0 {
		t.Errorf("keys are left: %v, %v", left, err)
	}
}
