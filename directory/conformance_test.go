package directory_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/directory/directorytest"
)

func TestConformance(t *testing.T) {
	directorytest.Run(t, func(t *testing.T, folder string, now func() time.Time) directorytest.Store {
		d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(folder, "directory.db"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}
