//go:build !linux

package main

import "syscall"

func diesWithTest() *syscall.SysProcAttr { return nil }
