//go:build unix

package connections

import "syscall"

// descriptors is how many the process may have open; Go has raised it as far as it can.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 1024 // the usual least
	}
	return uint64(limit.Cur)
}
