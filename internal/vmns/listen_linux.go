package vmns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// Listen opens a listener at address (IPv4 and a port) in the network namespace that
// path names, such as /run/netns/NAME or /proc/PID/ns/net, for this process to serve
// to what is in that namespace, and not to its neighbours. An address that the namespace lacks is
// added to its loopback interface, which is brought up. It needs root, or root's powers over that
// namespace.
//
// The caller's own namespace is refused: a link-local address must never be bound where
// the machine's own metadata service may be.
func Listen(path, address string) (ln net.Listener, err error) {
	onOwnThread(func() { ln, err = listenIn(path, address) })
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, midas.Errorf(midas.NotFound, "there is no network namespace %s: %w", path, err).
			WithHint("make one: ip netns add NAME makes /run/netns/NAME")
	case errors.Is(err, fs.ErrPermission):
		return nil, midas.Errorf(midas.Forbidden, "listen in the network namespace %s: %w", path, err).
			WithHint("that needs root")
	}
	return nil, midas.Errorf(midas.Internal, "listen in the network namespace %s: %w", path, err)
}

// onOwnThread runs f on a thread that ends with it, since what f does to its thread
// cannot be undone. The main thread cannot end in Go, so it is kept busy with waiting
// when it is the one at hand.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return // locked still: the thread ends
		}
		onOwnThread(f)
		runtime.UnlockOSThread()
	}()
	<-done
}

func listenIn(path, address string) (net.Listener, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := foreign(file); err != nil {
		return nil, err
	}
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter it: %w", err)
	}
	on, err := interfaceWith(address)
	if err != nil {
		return nil, err
	}
	if on == "" {
		if err := setUpNetwork("midas", []string{address}); err != nil {
			return nil, err
		}
		on = loopback
	}
	return listenInside(on, address)
}

const loopback = "lo"

// listenInside serves only what is in this namespace. The kernel takes packets for any of its
// addresses from every interface: a neighbour on a network of the namespace would be its machine
// by a route.
//
// What comes from the namespace itself counts as come over the interface that has the address. The
// loopback interface has no neighbours. Where it is another one, connections come from the very
// address that they lead to, unless a program chose otherwise, and the kernel takes no packets with
// that from outside.
func listenInside(on, address string) (net.Listener, error) {
	if on != loopback {
		ln, err := net.Listen("tcp4", address)
		if err != nil {
			return nil, err
		}
		return &fromItself{ln}, nil
	}
	bind := func(_, _ string, conn syscall.RawConn) error {
		var bound error
		err := conn.Control(func(fd uintptr) { bound = unix.BindToDevice(int(fd), loopback) })
		return errors.Join(err, bound)
	}
	return (&net.ListenConfig{Control: bind}).Listen(context.Background(), "tcp4", address)
}

// fromItself accepts connections from the address that it listens at.
type fromItself struct{ net.Listener }

func (l *fromItself) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, fromErr := netip.ParseAddrPort(conn.RemoteAddr().String())
		at, atErr := netip.ParseAddrPort(conn.LocalAddr().String())
		if fromErr == nil && atErr == nil && from.Addr() == at.Addr() {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// interfaceWith returns the interface here that has the address, or "" for none; of several it is
// not the loopback interface. That it can be bound says
// nothing: a system may let addresses be bound that it does not have.
func interfaceWith(address string) (string, error) {
	want, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", err
	}
	all, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	found := ""
	for _, one := range all {
		addrs, err := one.Addrs()
		if err != nil {
			return "", err
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr() == want.Addr() && (found == "" || found == loopback) {
				found = one.Name
			}
		}
	}
	return found, nil
}

// foreign refuses the namespace that this process is in.
func foreign(file *os.File) error {
	var there, here unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &there); err != nil {
		return err
	}
	if err := unix.Stat("/proc/self/ns/net", &here); err != nil {
		return err
	}
	if there.Dev == here.Dev && there.Ino == here.Ino {
		return errors.New("it is this process's own")
	}
	return nil
}
