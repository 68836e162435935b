//go:build !unix

package vmns

import "os"

var forwarded = []os.Signal{os.Interrupt}

func fromTerminal(os.Signal) bool { return true }
