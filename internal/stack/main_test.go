package stack

import (
	"testing"

	"github.com/midas-mysql/midas/internal/confine"
)

func TestMain(m *testing.M) {
	confine.Enter() // a private database server begins as this binary, as it does as midas
	m.Run()
}
