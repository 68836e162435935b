package backend

import "syscall"

// ownGroup keeps the terminal's Ctrl-C away from a private server: midas stops it when
// its last connection is done. SIGTERM at midas's own death is a clean stop.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
