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
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
