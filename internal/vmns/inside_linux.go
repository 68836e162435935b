package vmns

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterArgument is the name under which Run starts this executable again. It is
// argument zero, so that no command line that a person can type collides with it.
const enterArgument = "midas: inside a network namespace"

const (
	insideSocket = 3
	maxReport    = 4096
)

// insideSettings is what the inside half must know besides the command.
type insideSettings struct {
	Listen []string `json:"listen"`
	Hosts  string   `json:"hosts"` // file that becomes /etc/hosts
}

// report is what the inside half says: all is well, or what is not.
type report struct {
	Problem   string `json:"problem,omitempty"`
	Forbidden bool   `json:"forbidden,omitempty"`
	Status    int    `json:"status,omitempty"` // for a command that does not start
}

// Enter is the inside half of Run: when this process was started by Run, it sets up
// the namespace, becomes the command and never returns. Otherwise it does nothing.
func Enter() {
	if len(os.Args) < 3 || os.Args[0] != enterArgument {
		return
	}
	// Capabilities and the death signal belong to the thread that calls exec.
	runtime.LockOSThread()
	err := enter(os.Args[1], os.Args[2:])
	rep := report{Problem: err.Error(), Forbidden: errors.Is(err, fs.ErrPermission), Status: exitNotExecutable}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		rep.Status = exitNotFound
	}
	if len(rep.Problem) > maxReport/2 {
		rep.Problem = rep.Problem[:maxReport/2]
	}
	if text, err := json.Marshal(rep); err == nil {
		_, _ = unix.Write(insideSocket, text) // nobody is left to tell
	}
	os.Exit(rep.Status)
}

// enter returns only with an error: on success this process is the command.
func enter(text string, command []string) error {
	var settings insideSettings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	unix.CloseOnExec(insideSocket)
	// Again, and for this thread: the one that forked us may have set it on another.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("tie to the parent: %w", err)
	}
	if err := setUpNetwork("", settings.Listen); err != nil {
		return err
	}
	if err := mountHosts(settings.Hosts); err != nil {
		return err
	}
	if err := handOver(settings.Listen); err != nil {
		return err
	}
	// A parent that died meanwhile has closed its end.
	if n, err := unix.Read(insideSocket, make([]byte, 8)); err != nil || n == 0 {
		os.Exit(1)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return &fs.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, command, os.Environ())}
}

// setUpNetwork brings the loopback interface up and gives it every address that is
// not in 127.0.0.0/8. An alias of lo and three ioctls do without netlink, and without
// the dummy interfaces that some kernels lack.
func setUpNetwork(label string, listen []string) error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer unix.Close(sock)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, up); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	seen := map[netip.Addr]bool{}
	for _, l := range listen {
		ap, err := netip.ParseAddrPort(l)
		if err != nil || !ap.Addr().Is4() {
			return fmt.Errorf("%q is not an IPv4 address and port", l)
		}
		if a := ap.Addr(); !a.IsLoopback() && !seen[a] {
			seen[a] = true
			if err := addAddress(sock, fmt.Sprintf("lo:%s%d", label, len(seen)), a); err != nil {
				return fmt.Errorf("add address %s: %w", a, err)
			}
		}
	}
	return nil
}

func addAddress(sock int, alias string, a netip.Addr) error {
	for _, step := range []struct {
		request uint
		value   netip.Addr
	}{
		{unix.SIOCSIFADDR, a},
		{unix.SIOCSIFNETMASK, netip.AddrFrom4([4]byte{255, 255, 255, 255})},
	} {
		req, err := unix.NewIfreq(alias)
		if err != nil {
			return err
		}
		if err := req.SetInet4Addr(step.value.AsSlice()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(sock, step.request, req); err != nil {
			return err
		}
	}
	return nil
}

// mountHosts puts file over /etc/hosts, for this mount namespace only.
func mountHosts(file string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// Some distributions have a link there; a mount needs what it leads to.
	target, err := filepath.EvalSymlinks("/etc/hosts")
	if err != nil {
		return fmt.Errorf("find hosts: %w", err)
	}
	if err := unix.Mount(file, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount hosts: %w", err)
	}
	return forgetNameServers()
}

// forgetNameServers leaves a resolver only this machine to ask, which knows no name: asking a
// server that cannot be reached from here would take its time-outs.
func forgetNameServers() error {
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = unix.Mount("/dev/null", target, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("mount resolv.conf: %w", err)
	}
	return nil
}

// handOver binds the listeners here, where their addresses are, and the socket of the name
// server, and gives them to the outside half, where the network is.
func handOver(listen []string) error {
	var fds []int
	for _, address := range listen {
		l, err := net.Listen("tcp4", address)
		if err != nil {
			return err
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("hand over %s: %w", address, err)
		}
		defer l.Close()
		defer f.Close()
		fds = append(fds, int(f.Fd()))
	}
	names, err := net.ListenPacket("udp4", nameServer)
	if err != nil {
		return err
	}
	defer names.Close()
	f, err := names.(*net.UDPConn).File()
	if err != nil {
		return fmt.Errorf("hand over %s: %w", nameServer, err)
	}
	defer f.Close()
	fds = append(fds, int(f.Fd()))
	if err := unix.Sendmsg(insideSocket, []byte("{}"), unix.UnixRights(fds...), nil, 0); err != nil {
		return fmt.Errorf("hand over listeners: %w", err)
	}
	return nil
}

// dropCapabilities leaves the command what its user has outside: an ordinary user
// gets none of the powers that set up the namespace. Root keeps its own.
func dropCapabilities() error {
	if os.Geteuid() == 0 {
		return nil
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData // version 3 is two records long
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
