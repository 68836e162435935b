package issuer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
)

// manifestFile says which key is which. It is replaced in one step, and that step is the
// rotation: before it nothing has changed, and after it everything has.
const manifestFile = "keys.json"

// keyState says what a key is for.
type keyState string

// The states of a key, in the order of its life.
const (
	keyNext    keyState = "next"
	keySigning keyState = "signing"
	keyRetired keyState = "retired"
)

type manifest struct {
	Keys []entry   `json:"keys"` // the newest first
	Seal *listSeal `json:"seal,omitempty"`
}

// entry is one key; times are seconds since 1970.
type entry struct {
	File      string `json:"file"`
	KeyID     string `json:"kid"`
	Published int64  `json:"published"`
	Signing   int64  `json:"signing,omitempty"` // since when
	Until     int64  `json:"until,omitempty"`   // published for so long, when it signs no more
}

func (e entry) state() keyState {
	switch {
	case e.Until != 0:
		return keyRetired
	case e.Signing != 0:
		return keySigning
	}
	return keyNext
}

// only returns the one entry in a state.
func (m *manifest) only(state keyState) entry {
	return m.Keys[slices.IndexFunc(m.Keys, func(e entry) bool { return e.state() == state })]
}

// readManifest returns the manifest of dir, nil when there is none.
func readManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestFile)
	raw, err := keyfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "read the list of signing keys: %w", err)
	}
	m := &manifest{}
	if json.Unmarshal(raw, m) != nil || !m.sound() {
		return nil, midas.Errorf(midas.Internal, "the list of signing keys %s is damaged", path).
			WithHint("restore it from a backup, or remove it: it is made anew from the keys beside it, and tokens of keys that sign no more are void where keys are encrypted")
	}
	return m, nil
}

// sound reports whether exactly one key signs and exactly one will.
func (m *manifest) sound() bool {
	count := map[keyState]int{}
	seen := map[string]bool{}
	for _, e := range m.Keys {
		if e.KeyID == "" || seen[e.KeyID] || !strings.HasSuffix(e.File, ".pem") || filepath.Base(e.File) != e.File {
			return false
		}
		seen[e.KeyID] = true
		count[e.state()]++
	}
	return count[keySigning] == 1 && count[keyNext] == 1
}

func (m *manifest) write(dir string) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return midas.Errorf(midas.Internal, "write the list of signing keys: %w", err)
	}
	if err := keyfile.Replace(filepath.Join(dir, manifestFile), append(raw, '\n'), 0o600); err != nil {
		return midas.Errorf(midas.Internal, "write the list of signing keys: %w", err)
	}
	return nil
}
