//go:build unix && !linux

package backend

import "syscall"

// ownGroup keeps the terminal's Ctrl-C away from a private server. When midas is killed
// the server goes on here, and its lock on the data refuses another until it is ended.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
