package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Sizes and numbers of the kernel's socket diagnosis.
// Source: Linux, include/uapi/linux/inet_diag.h and sock_diag.h.
const (
	sockDiagByFamily  = 20
	inetDiagRequest   = 56 // struct inet_diag_req_v2
	inetDiagMessage   = 72 // struct inet_diag_msg
	inetDiagCgroupID  = 21
	stateEstablished  = 1
	offsetSourcePort  = 4 // of struct inet_diag_sockid in the message
	offsetUserID      = 64
	offsetInode       = 68
	offsetRequestPort = 8 // of struct inet_diag_sockid in the request
)

// peerProcess asks the kernel for the socket whose own end is source and whose other
// end is here, which is the client's when both are on this machine: user id and control
// group are those of whoever made the socket.
func peerProcess(source, here netip.AddrPort) (process, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return process{}, fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	defer conn.Close()
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: sockDiagByFamily, Flags: netlink.Request},
		Data:   socketRequest(source, here),
	})
	if err != nil {
		return process{}, fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	if len(answers) != 1 {
		return process{}, fmt.Errorf("the kernel knows %d sockets", len(answers))
	}
	p, err := readSocket(answers[0].Data, source, here)
	if err != nil {
		return process{}, err
	}
	if id, ambiguous := nobodyInParticular(); ambiguous && p.userID == id {
		return process{}, fmt.Errorf("user id %d may be any user outside this user namespace", id)
	}
	return p, nil
}

func socketRequest(source, here netip.AddrPort) []byte {
	request := make([]byte, inetDiagRequest)
	request[0] = unix.AF_INET6
	if source.Addr().Is4() {
		request[0] = unix.AF_INET
	}
	request[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[4:], 1<<stateEstablished)
	id := request[offsetRequestPort:]
	binary.BigEndian.PutUint16(id[0:], source.Port())
	binary.BigEndian.PutUint16(id[2:], here.Port())
	copy(id[4:20], source.Addr().AsSlice())
	copy(id[20:36], here.Addr().AsSlice())
	for i := range 8 {
		id[40+i] = 0xff // no cookie
	}
	return request
}

// readSocket reads the kernel's answer. A socket that nobody holds any more (one that
// lingers after its process has closed it) is told with user id 0, which is root's, and
// without an inode: it proves nothing.
func readSocket(answer []byte, source, here netip.AddrPort) (process, error) {
	if len(answer) < inetDiagMessage {
		return process{}, fmt.Errorf("an answer of %d bytes about a socket", len(answer))
	}
	if answer[1] != stateEstablished || binary.NativeEndian.Uint32(answer[offsetInode:]) == 0 {
		return process{}, errors.New("the socket is closed")
	}
	if binary.BigEndian.Uint16(answer[offsetSourcePort:]) != source.Port() || binary.BigEndian.Uint16(answer[offsetSourcePort+2:]) != here.Port() {
		return process{}, errors.New("the answer is about another socket")
	}
	attributes, err := netlink.NewAttributeDecoder(answer[inetDiagMessage:])
	if err != nil {
		return process{}, fmt.Errorf("attributes of a socket: %w", err)
	}
	var group uint64
	for attributes.Next() {
		if attributes.Type() == inetDiagCgroupID {
			group = attributes.Uint64()
		}
	}
	if err := attributes.Err(); err != nil {
		return process{}, fmt.Errorf("attributes of a socket: %w", err)
	}
	return process{userID: binary.NativeEndian.Uint32(answer[offsetUserID:]), cgroup: group}, nil
}

// listCgroups returns the path of every control group that can be seen, by id, which is
// the inode of its folder. Folders that go while we look, or that are closed to us, are
// left out: whoever runs there has no mark.
func listCgroups() (map[uint64]string, error) {
	root, err := cgroupRoot()
	if err != nil {
		return nil, err
	}
	paths := map[uint64]string{}
	err = filepath.WalkDir(root, func(folder string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			paths[stat.Ino] = "/" + strings.Trim(strings.TrimPrefix(folder, root), "/")
		}
		return nil
	})
	return paths, err
}

// cgroupRoot is where the control groups of version 2 are mounted.
// Source: proc(5), /proc/pid/mountinfo.
func cgroupRoot() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		mount, filesystem, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(filesystem, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("no control groups of version 2 are mounted")
}
