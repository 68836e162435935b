package confine

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// enterArgument is the name under which Command starts this executable again. It is
// argument zero, so that no command line that a person can type collides with it.
const enterArgument = "midas: confining a program"

// settings is what the inside half must know besides the program and its arguments.
type settings struct {
	Mechanism Mechanism `json:"mechanism"`
	Rules     Rules     `json:"rules"`
	Parent    int       `json:"parent"`
	Probe     bool      `json:"probe,omitempty"` // confine, and end
}

// minABI is the first Landlock that lets a program move files between its own folders,
// as RENAME TABLE does between databases.
const minABI = 2

var available = sync.OnceValue(func() (found []Mechanism) {
	if abi, err := ll.LandlockGetABIVersion(); err == nil && abi >= minABI {
		found = append(found, Landlock)
	}
	if namespacesWork() {
		found = append(found, Namespaces)
	}
	return found
})

// namespacesWork tries: whether a user may have namespaces, and mount in them, depends on
// the kernel, its settings, a container's seccomp filter and security modules.
func namespacesWork() bool {
	if !entered {
		return false
	}
	root, err := os.MkdirTemp("", "midas-confine-")
	if err != nil {
		return false
	}
	defer os.Remove(root)
	cmd, err := again(settings{Mechanism: Namespaces, Rules: Rules{Root: root}, Parent: os.Getpid(), Probe: true})
	return err == nil && cmd.Run() == nil
}

func (m Mechanism) command(rules Rules, path string, args []string) (*exec.Cmd, error) {
	if m == None {
		cmd := exec.Command(path, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: rules.DeathSignal}
		return cmd, nil
	}
	if !entered {
		return nil, fmt.Errorf("confine %s: this program does not call confine.Enter first thing in main", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("confine %s: %w", path, err)
	}
	return again(settings{Mechanism: m, Rules: rules, Parent: os.Getpid()}, append([]string{path}, args...)...)
}

// again is this executable's inside half, in its new namespaces if it needs some. The
// user's own id is mapped to itself, so that owners of files stay what they are.
func again(s settings, command ...string) (*exec.Cmd, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("confine: %w", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{enterArgument, string(text)}, command...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: s.Rules.DeathSignal}
	if s.Mechanism != Namespaces {
		return cmd, nil
	}
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// An ordinary user id loses its capabilities at exec unless they are ambient.
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	return cmd, nil
}
