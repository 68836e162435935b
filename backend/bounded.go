package backend

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// maxAnswer is how much a server may answer to one statement of midas's own. The largest that midas
// asks for is the table of mappings, which it reads up to half of this.
const maxAnswer = 128 << 20

// writeWait is how long a server may read nothing of what midas sends it.
const writeWait = 10 * time.Second

// bounded is a connection of midas's own to a server, whose administrator decides what is there to be
// read: an answer without end would fill the memory that all servers have in common.
type bounded struct {
	net.Conn
	read int // since midas wrote last
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.read += n; b.read > maxAnswer {
		_ = b.Close()
		return 0, fmt.Errorf("the server's answer has more than %d MiB", maxAnswer>>20)
	}
	return n, err
}

// Write implements net.Conn. A server that reads nothing fails it: TLS answers what a server asks of
// it in between, and would neither read on nor close meanwhile.
func (b *bounded) Write(p []byte) (int, error) {
	b.read = 0
	if err := b.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	return b.Conn.Write(p)
}

// SyscallConn implements syscall.Conn, by which the driver sees that an idle connection was closed
// before it uses it.
func (b *bounded) SyscallConn() (syscall.RawConn, error) {
	if conn, ok := b.Conn.(syscall.Conn); ok {
		return conn.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

var (
	_ net.Conn     = (*bounded)(nil)
	_ syscall.Conn = (*bounded)(nil)
)
