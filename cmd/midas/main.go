package main

import (
	"context"
	"os"

	"github.com/midas-mysql/midas/internal/vmns"
)

func main() {
	vmns.Enter() // `vm run` starts this program a second time, inside the private network
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
