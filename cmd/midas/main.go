package main

import (
	"context"
	"os"

	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/internal/vmns"
)

func main() {
	vmns.Enter()    // `vm run` starts this program a second time, inside the private network
	confine.Enter() // a private database server begins as this program, which confines itself
	p := program{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.Run(context.Background()))
}
