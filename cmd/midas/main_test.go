package main

import (
	"os"
	"testing"

	"github.com/midas-mysql/midas/internal/vmns"
)

func TestMain(m *testing.M) {
	vmns.Enter() // the tests of `vm run` start this binary a second time, as main does
	os.Exit(m.Run())
}
