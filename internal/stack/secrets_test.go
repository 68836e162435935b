package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// TestMasterKeyIsWholeOrNotThere: processes that begin at once share one key, and none
// sees another's half written. Nothing but the key is left.
func TestMasterKeyIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	keys := make([]masterKey, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = openMasterKey(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != masterLength || !bytes.Equal(key, keys[0]) {
			t.Fatalf("keys of %d and %d bytes are not one", len(key), len(keys[0]))
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != masterFile {
		t.Fatalf("%v, %v", left, err)
	}
	if info, _ := left[0].Info(); runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestMasterKeyThatIsNot: each is refused, with what to do about it, and left as it is.
func TestMasterKeyThatIsNot(t *testing.T) {
	for name, test := range map[string]struct {
		change func(path string) error
		says   string
	}{
		"cut short":            {func(p string) error { return os.Truncate(p, 20) }, "restore it from a backup"},
		"empty":                {func(p string) error { return os.Truncate(p, 0) }, "restore it from a backup"},
		"readable by everyone": {func(p string) error { return os.Chmod(p, 0o644) }, "chmod 600"},
		"readable by a group":  {func(p string) error { return os.Chmod(p, 0o640) }, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := openMasterKey(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, masterFile)
			if err := test.change(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = openMasterKey(dir)
			if err == nil || !strings.Contains(err.Error()+midas.HintOf(err), test.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, %s", err, midas.HintOf(err))
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// A workload's secret is of one machine and one end; anyone who has it cannot make another.
func TestWorkloadSecretsNameTheirEnd(t *testing.T) {
	key, err := openMasterKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret := key.workloadSecret()
	until := time.Unix(1_800_000_000, 0)
	seen := map[string]bool{}
	for _, s := range []string{secret("a", until), secret("b", until), secret("a", until.Add(time.Second)), secret("a.1", until)} {
		parts := strings.Split(s, ".")
		if proof := parts[len(parts)-1]; seen[proof] || len(proof) != 43 {
			t.Errorf("%s: a proof of another, or none", s)
		} else {
			seen[proof] = true
		}
	}
	if want := "a.1800000000."; !strings.HasPrefix(secret("a", until), want) || secret("a", until) != secret("a", until.Add(time.Millisecond)) {
		t.Errorf("%s", secret("a", until))
	}
}
