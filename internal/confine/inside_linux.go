package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// exitUnconfined is the exit status of the inside half when it cannot become the program.
const exitUnconfined = 126

// entered tells whether this program calls Enter: started again without, it would do its
// own work in place of the other program's.
var entered bool

// Enter is the inside half of Command: when this process was started by it, Enter
// confines it, becomes the program and never returns. Otherwise it does nothing.
func Enter() {
	entered = true
	if len(os.Args) < 2 || os.Args[0] != enterArgument {
		return
	}
	// Confinement, capabilities and the death signal belong to the thread that calls exec.
	runtime.LockOSThread()
	if err := enter(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "midas: confine a program:", err)
		os.Exit(exitUnconfined)
	}
	os.Exit(0) // a probe
}

func enter(text string, command []string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if err := tie(s); err != nil {
		return err
	}
	giveWay()
	var err error
	switch s.Mechanism {
	case Landlock:
		err = restrict(s.Rules)
	case Namespaces:
		err = rebuild(s.Rules)
	default:
		err = fmt.Errorf("no mechanism %q", s.Mechanism)
	}
	if err == nil {
		err = dropPowers()
	}
	if err != nil || s.Probe {
		return err
	}
	if len(command) == 0 {
		return errors.New("no program")
	}
	return &os.PathError{Op: "run", Path: command[0], Err: syscall.Exec(command[0], command, os.Environ())}
}

// tie makes this thread die with the parent: the one that forked us may have set the
// signal on another. A parent that died before is no longer our parent.
func tie(s settings) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.Rules.DeathSignal), 0, 0, 0); err != nil {
		return fmt.Errorf("tie to the parent: %w", err)
	}
	if os.Getppid() != s.Parent {
		return errors.New("the parent has ended")
	}
	return nil
}

// giveWay has the kernel end this process before others when memory runs out: what a server uses,
// its administrator says. Where that cannot be said the kernel takes the largest as ever.
//
// Source: proc_pid_oom_score_adj(5); anybody may raise their own.
func giveWay() { _ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) }

// writable are the rights on the program's own folders: all but running what is in them
// and making devices.
const writable = ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSWriteFile | ll.AccessFSTruncate |
	ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSock |
	ll.AccessFSMakeFifo | ll.AccessFSMakeSym | ll.AccessFSRefer

// restrict puts this thread under Landlock, and with it what it becomes. Every other right
// that this kernel's Landlock knows is withheld: TCP from version 4 on, signals to others
// and their abstract sockets from version 6 on.
func restrict(r Rules) error {
	if abi, err := ll.LandlockGetABIVersion(); err != nil || abi < minABI {
		return fmt.Errorf("this kernel has no Landlock of version %d or later: it has %d, %w", minABI, abi, err)
	}
	rules := []landlock.Rule{
		landlock.PathAccess(writable, r.Write...),
		landlock.PathAccess(ll.AccessFSReadFile|ll.AccessFSWriteFile, "/dev/null"),
	}
	for _, path := range r.Read {
		info, err := os.Stat(path)
		switch {
		case err != nil: // left out
		case info.IsDir():
			rules = append(rules, landlock.RODirs(path).IgnoreIfMissing())
		default:
			rules = append(rules, landlock.ROFiles(path).IgnoreIfMissing())
		}
	}
	fd, flags, err := landlock.V11.BestEffort().NewRulesetFD(rules...)
	if err == nil && fd < 0 {
		err = errors.New("there is nothing that this kernel can withhold")
	}
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := ll.LandlockRestrictSelf(fd, flags); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

// dropPowers takes all capabilities from this thread but root's to use files whose owner is
// another, without which it could not get to a folder below another user's.
func dropPowers() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had, keep [2]unix.CapUserData // version 3 is two records long
	if err := unix.Capget(&header, &had[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if os.Geteuid() == 0 {
		keep[0].Permitted = had[0].Permitted & (1 << unix.CAP_DAC_OVERRIDE)
		keep[0].Effective = keep[0].Permitted
	}
	if had[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
			if c == unix.CAP_DAC_OVERRIDE {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
				return fmt.Errorf("drop capability %d: %w", c, err)
			}
		}
	}
	if err := unix.Capset(&header, &keep[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
