//go:build !linux

package bench

import "syscall"

func diesWithTest() *syscall.SysProcAttr { return nil }
