package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/internal/vmns"
	"github.com/midas-mysql/midas/internal/workload"
)

func TestMain(m *testing.M) {
	vmns.Enter() // `vm run` starts this binary a second time, as it does midas
	confine.Enter()
	testscript.Main(m, map[string]func(){"midas": main, "alone": alone})
}

// alone is a program for scripts: it runs a command where nothing is reachable but this
// midas, so that one that would talk to the world cannot.
func alone() {
	cfg := vmns.Config{
		Command: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	for _, name := range addresses {
		if address := os.Getenv("MIDAS_" + name); address != "" {
			cfg.Forwards = append(cfg.Forwards, vmns.Forward{
				Inside: address, Serve: func(l net.Listener) error { return workload.ForwardTo(l, address) },
			})
		}
	}
	code, err := vmns.Run(context.Background(), cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "alone:", err)
	}
	if err != nil && code == 0 {
		code = 125
	}
	os.Exit(code)
}
