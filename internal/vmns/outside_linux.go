package vmns

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// setupTimeout bounds the inside half from its start to its listeners: milliseconds
// on an idle machine.
const setupTimeout = 20 * time.Second

// Run runs the command in a new network namespace, serves its listeners until it
// ends, and returns its exit status (128+n when signal n ended it). The command runs
// as the caller's user and dies with the caller. SIGINT, SIGTERM, SIGHUP, SIGQUIT,
// SIGUSR1, SIGUSR2 and SIGWINCH reach it.
//
// The error is ErrForbidden when there can be no namespace; a command that cannot be
// started has exit status 126 or 127, as in a shell, and an error that says why.
func Run(ctx context.Context, cfg Config) (exitCode int, err error) {
	if len(cfg.Command) == 0 {
		return 0, midas.Errorf(midas.Invalid, "no command to run")
	}
	// The kernel sends the death signal when the thread that forked ends, so this
	// goroutine keeps its thread until the command has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var forbidden error
	for _, flags := range namespaceFlags(os.Geteuid()) {
		code, err := run(ctx, cfg, flags)
		if !errors.Is(err, ErrForbidden) {
			return code, err
		}
		forbidden = err
	}
	return 0, forbidden
}

// namespaceFlags are the kinds of namespace to try, best first. Root keeps all of its
// users (and files of others) by doing without a user namespace; where root may not
// (a container), one is tried.
func namespaceFlags(euid int) []uintptr {
	const private = unix.CLONE_NEWNET | unix.CLONE_NEWNS
	if euid == 0 {
		return []uintptr{private, private | unix.CLONE_NEWUSER}
	}
	return []uintptr{private | unix.CLONE_NEWUSER}
}

func run(ctx context.Context, cfg Config, flags uintptr) (int, error) {
	hosts, err := writeHosts(cfg.Hosts)
	if err != nil {
		return 0, err
	}
	defer os.Remove(hosts.Name())
	defer hosts.Close()

	ours, theirs, err := socketPair()
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	cmd, err := insideCommand(ctx, cfg, flags, hosts.Name(), theirs)
	if err != nil {
		theirs.Close()
		return 0, err
	}
	signals := catchSignals()
	defer signal.Stop(signals)
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return 0, startError(err)
	}
	started := false
	defer func() {
		if !started {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // what it says is that we killed it
		}
	}()

	listeners, names, err := receiveListeners(ours, len(cfg.Forwards))
	if err != nil {
		return 0, err
	}
	defer names.Close()
	go refuseNames(names)
	os.Remove(hosts.Name()) // it is mounted; killed from here on, we leave nothing behind
	defer serve(cfg.Forwards, listeners)()
	if code, err := release(ours); err != nil {
		return code, err
	}
	started = true
	defer learn(ctx, cfg, hosts)()
	return supervise(cmd, signals)
}

// insideCommand is this executable again, in its new namespaces, as itself: the
// user's own ids are mapped to themselves so that files and whoami stay as they are.
func insideCommand(ctx context.Context, cfg Config, flags uintptr, hosts string, sock *os.File) (*exec.Cmd, error) {
	settings := insideSettings{Hosts: hosts}
	for _, f := range cfg.Forwards {
		settings.Listen = append(settings.Listen, f.Inside)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "describe namespace: %w", err)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", cfg.Command...)
	cmd.Args = append([]string{enterArgument, string(text)}, cfg.Command...)
	cmd.Env = cfg.Env
	cmd.ExtraFiles = []*os.File{sock} // descriptor 3
	attach(cmd, cfg)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER != 0 {
		uid, gid := os.Geteuid(), os.Getegid()
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// An ordinary user id loses its capabilities at exec unless they are ambient.
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE}
	}
	return cmd, nil
}

// startError tells "the kernel says no" from "it went wrong".
func startError(err error) error {
	for _, no := range []error{
		unix.EPERM, unix.EACCES,
		unix.ENOSPC, unix.EUSERS, // user.max_*_namespaces is 0 or reached
		unix.EINVAL, unix.ENOSYS, // a kernel without them
	} {
		if errors.Is(err, no) {
			return midas.Errorf(midas.Unavailable, "%w (%s)", ErrForbidden, err)
		}
	}
	return midas.Errorf(midas.Internal, "start in a network namespace: %w", err)
}

// socketPair is a packet socket with its end for the inside half.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, midas.Errorf(midas.Internal, "socket pair: %w", err)
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "vmns"), os.NewFile(uintptr(fds[1]), "vmns-inside")
	conn, err := net.FileConn(mine) // a duplicate
	mine.Close()
	if err != nil {
		theirs.Close()
		return nil, nil, midas.Errorf(midas.Internal, "socket pair: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}

// receiveListeners takes the sockets that the inside half has bound: so many listeners, and
// the name server's.
func receiveListeners(conn *net.UnixConn, want int) (_ []net.Listener, names net.PacketConn, err error) {
	rep, fds, err := receive(conn, want+1)
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "listener")
		defer files[i].Close() // net.FileListener duplicates
	}
	switch {
	case err != nil:
		return nil, nil, err
	case rep.Problem != "" && rep.Forbidden:
		return nil, nil, midas.Errorf(midas.Unavailable, "%w (%s)", ErrForbidden, rep.Problem)
	case rep.Problem != "":
		return nil, nil, midas.Errorf(midas.Internal, "set up network namespace: %s", rep.Problem)
	case len(files) != want+1:
		return nil, nil, midas.Errorf(midas.Internal, "set up network namespace: %d sockets instead of %d", len(files), want+1)
	}
	if names, err = net.FilePacketConn(files[want]); err != nil {
		return nil, nil, midas.Errorf(midas.Internal, "name server of network namespace: %w", err)
	}
	var out []net.Listener
	for _, f := range files[:want] {
		l, err := net.FileListener(f)
		if err != nil {
			names.Close()
			for _, l := range out {
				l.Close()
			}
			return nil, nil, midas.Errorf(midas.Internal, "listener of network namespace: %w", err)
		}
		out = append(out, l)
	}
	return out, names, nil
}

func receive(conn *net.UnixConn, fds int) (report, []int, error) {
	var rep report
	if err := conn.SetReadDeadline(time.Now().Add(setupTimeout)); err != nil {
		return rep, nil, midas.Errorf(midas.Internal, "set up network namespace: %w", err)
	}
	buf, oob := make([]byte, maxReport), make([]byte, unix.CmsgSpace(4*max(fds, 1)))
	n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
	if err != nil || n == 0 {
		return rep, nil, midas.Errorf(midas.Internal, "set up network namespace: the new process ended early: %w", err)
	}
	var rights []int
	if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(messages) == 1 {
		rights, _ = unix.ParseUnixRights(&messages[0]) // counted by the caller
	}
	if err := json.Unmarshal(buf[:n], &rep); err != nil {
		return rep, rights, midas.Errorf(midas.Internal, "set up network namespace: %w", err)
	}
	return rep, rights, nil
}

// release lets the inside half become the command. Its socket closes when that
// works, and says what went wrong when not.
func release(conn *net.UnixConn) (int, error) {
	if _, err := conn.Write([]byte("go")); err != nil {
		return 0, midas.Errorf(midas.Internal, "start command: %w", err)
	}
	buf := make([]byte, maxReport)
	n, _ := conn.Read(buf) // end of file is the good answer
	if n == 0 {
		return 0, nil
	}
	var rep report
	if err := json.Unmarshal(buf[:n], &rep); err != nil {
		return 0, midas.Errorf(midas.Internal, "start command: %w", err)
	}
	if rep.Status == exitNotFound {
		return rep.Status, midas.Errorf(midas.NotFound, "run command: %s", rep.Problem)
	}
	return rep.Status, midas.Errorf(midas.Invalid, "run command: %s", rep.Problem)
}

// serve starts the forwards and returns what ends them.
func serve(forwards []Forward, listeners []net.Listener) (stop func()) {
	done := make(chan struct{}, len(listeners))
	for i, l := range listeners {
		go func() {
			_ = forwards[i].Serve(l) // it ends when the listener is closed
			done <- struct{}{}
		}()
	}
	return func() {
		for _, l := range listeners {
			l.Close()
		}
		for range listeners {
			<-done
		}
	}
}
