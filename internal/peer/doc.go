// Package peer asks the kernel which process has the other end of a connection within this
// machine: its user, and its control group with the path of it. That is proof where a password
// or a key would be asked for first: only the process that the port or the path belongs to can
// have accepted the connection.
//
// It never decides who is trusted. Where a system cannot tell, that is an error and never a
// guess.
package peer

// Owner is what the kernel tells of the process that holds a socket.
type Owner struct {
	UserID uint32
	CGroup uint64 // its control group's id; 0 when this kernel does not tell it
}
