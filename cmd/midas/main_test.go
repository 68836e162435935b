package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/midas-mysql/midas/internal/vmns"
)

func TestMain(m *testing.M) {
	vmns.Enter() // `vm run` starts this binary a second time, as it does midas
	testscript.Main(m, map[string]func(){"midas": main})
}
