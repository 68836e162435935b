package directory_test

import (
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/midas-mysql/midas/directory"
)

// A change is seen by the next call, whoever made it; without one the number stays.
func TestVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	var both [2]*directory.Directory
	for i := range both { // the second stands for another process: nothing is shared but the file
		d, err := directory.Open(t.Context(), directory.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		both[i] = d
	}
	seen := map[uint64]bool{}
	version := func() uint64 {
		t.Helper()
		v, err := both[0].Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	last := version()
	for i, writer := range []int{0, 1, 1, 0} {
		if again := version(); again != last {
			t.Errorf("%d: the version went from %d to %d, and nothing has changed", i, last, again)
		}
		seen[last] = true
		if _, _, err := both[writer].PutGroup(t.Context(), "group", "eastus", map[string]string{"n": string(rune('0' + i))}); err != nil {
			t.Fatal(err)
		}
		if last = version(); seen[last] {
			t.Errorf("%d: a change by %d is not seen: version %d", i, writer, last)
		}
	}
	if err := both[0].Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := both[0].Version(t.Context()); err == nil {
		t.Errorf("version %d of a closed directory", v)
	}
}

// Whoever asks after a change was acknowledged sees it, with others asking all the time.
func TestVersionAmongMany(t *testing.T) {
	for name, alone := range map[string]bool{"shared": false, "alone": true} {
		t.Run(name, func(t *testing.T) { versionAmongMany(t, alone) })
	}
}

func versionAmongMany(t *testing.T, alone bool) {
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(t.TempDir(), "directory.db"), Alone: alone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := d.Version(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 50 {
		before, err := d.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.PutGroup(t.Context(), "group", "eastus", map[string]string{"n": strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
		if after, err := d.Version(t.Context()); err != nil || after == before {
			t.Fatalf("change %d is not seen: %d, %v", i, after, err)
		}
	}
	close(stop)
	others.Wait()
}

func BenchmarkVersion(b *testing.B) {
	d, err := directory.Open(b.Context(), directory.Config{Path: filepath.Join(b.TempDir(), "directory.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for _, askers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(askers), func(b *testing.B) {
			b.SetParallelism((askers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := d.Version(b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
