package bench

import "syscall"

// diesWithTest ends the process when the test binary dies, however it does.
func diesWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
