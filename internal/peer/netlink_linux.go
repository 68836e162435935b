package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

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

// Of asks the kernel for the TCP socket whose own end is source and whose other end is
// here, which is the other process's when both are on this machine. Ask while the
// connection is open, so that no other socket can have the same pair of ports.
func Of(source, here netip.AddrPort) (Owner, error) {
	source, here = unmapped(source), unmapped(here)
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return Owner{}, fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	defer conn.Close()
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: sockDiagByFamily, Flags: netlink.Request},
		Data:   socketRequest(source, here),
	})
	if err != nil {
		return Owner{}, fmt.Errorf("ask the kernel for a socket: %w", err)
	}
	if len(answers) != 1 {
		return Owner{}, fmt.Errorf("the kernel knows %d sockets", len(answers))
	}
	p, err := readSocket(answers[0].Data, source, here)
	if err != nil {
		return Owner{}, err
	}
	if Ambiguous(p.UserID) {
		return Owner{}, fmt.Errorf("user id %d may be any user outside this user namespace", p.UserID)
	}
	return p, nil
}

// unmapped is an address as the kernel keeps it for the socket's own family.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
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

// readSocket reads the kernel's answer. A socket that no process holds any more (one that
// lingers after its process has closed it) is told with user id 0, which is root's, and
// without an inode: it proves nothing.
func readSocket(answer []byte, source, here netip.AddrPort) (Owner, error) {
	if len(answer) < inetDiagMessage {
		return Owner{}, fmt.Errorf("an answer of %d bytes about a socket", len(answer))
	}
	if answer[1] != stateEstablished || binary.NativeEndian.Uint32(answer[offsetInode:]) == 0 {
		return Owner{}, errors.New("the socket is closed")
	}
	if binary.BigEndian.Uint16(answer[offsetSourcePort:]) != source.Port() || binary.BigEndian.Uint16(answer[offsetSourcePort+2:]) != here.Port() {
		return Owner{}, errors.New("the answer is about another socket")
	}
	attributes, err := netlink.NewAttributeDecoder(answer[inetDiagMessage:])
	if err != nil {
		return Owner{}, fmt.Errorf("attributes of a socket: %w", err)
	}
	var group uint64
	for attributes.Next() {
		if attributes.Type() == inetDiagCgroupID {
			group = attributes.Uint64()
		}
	}
	if err := attributes.Err(); err != nil {
		return Owner{}, fmt.Errorf("attributes of a socket: %w", err)
	}
	return Owner{UserID: binary.NativeEndian.Uint32(answer[offsetUserID:]), CGroup: group}, nil
}
