// Package socketowner asks the kernel whose process has the other end of a connection
// within this machine. That is proof where a password or a key would be asked for first:
// only the process that the port or the path belongs to can have accepted it.
//
// It never decides whom to believe. Where a system cannot say who it is, it is an error
// and never a guess.
package socketowner

// Owner is the process that has a socket.
type Owner struct {
	UserID uint32
	CGroup uint64 // its control group's id; 0 when this kernel does not tell it
}
