//go:build gms_pure_go

package gateway_test

import (
	"testing"

	"github.com/midas-mysql/midas/backend/embedded"
)

func init() {
	backends["embedded"] = func(t *testing.T) testBackend {
		b, err := embedded.New(t.Context(), embedded.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}
