//go:build unix

package mysqltest

import "syscall"

// ownGroup keeps the terminal's Ctrl-C, which is for the test binary, from a child that must
// outlive it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func runs(pid int) bool { return syscall.Kill(pid, 0) == nil }
