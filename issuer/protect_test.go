package issuer_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
)

func protector(t testing.TB, name string, fill byte) issuer.KeyProtector {
	t.Helper()
	p, err := issuer.NewSecretProtector(name, bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(p ...issuer.KeyProtector) func(*issuer.Config) {
	return func(cfg *issuer.Config) { cfg.KeyProtectors = p }
}

// adopting takes plain keys over.
func adopting(cfg *issuer.Config) { cfg.InsecureAdoptPlainKeys = true }

// onDisk is all that is in the directory.
func onDisk(t testing.TB, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestKeysAreEncryptedAtRest(t *testing.T) {
	c := &clock{now: began}
	dir := keyDir(t) // in plain text
	if !strings.Contains(onDisk(t, dir), "BEGIN PRIVATE KEY") {
		t.Fatal("the keys to begin with should be plain")
	}
	plain := states(mustOpen(t, dir, c))
	one, other := protector(t, "master", 1), protector(t, "key", 2)
	if got := states(mustOpen(t, dir, c, with(one), adopting)); got["signing"][0] != plain["signing"][0] {
		t.Error("other keys than before")
	}
	noPrivateNumbers := func() {
		t.Helper()
		text := onDisk(t, dir)
		if strings.Contains(text, "BEGIN PRIVATE KEY") {
			t.Error("a plain private key is on the disk")
		}
		for _, number := range privateNumbers(t) {
			if strings.Contains(text, base64.StdEncoding.EncodeToString(number)[:40]) {
				t.Error("a private number is on the disk")
			}
		}
	}
	noPrivateNumbers()
	if _, err := open(t, dir, c); midas.CodeOf(err) != midas.Internal || !strings.Contains(midas.HintOf(err), "--key-encryption-key-file") {
		t.Errorf("without the key: %v", err)
	}
	if _, err := open(t, dir, c, with(protector(t, "master", 9))); midas.CodeOf(err) != midas.Internal {
		t.Errorf("with another key: %v", err)
	}
	i := mustOpen(t, dir, c, with(other, one)) // moves to another
	if got := mustOpen(t, dir, c, with(other)); states(got)["signing"][0] != plain["signing"][0] {
		t.Error("other keys than before")
	}
	if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	noPrivateNumbers()
	mint(t, mustOpen(t, dir, c, with(other)))
}

// TestEncryptedKeysAreBoundToTheirFile exchanges what two files hold of their keys.
func TestEncryptedKeysAreBoundToTheirFile(t *testing.T) {
	c := &clock{now: began}
	dir := keyDir(t)
	mustOpen(t, dir, c, with(protector(t, "master", 1)), adopting)
	names := keyFiles(t)
	parts := map[string][2]string{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		cert, key, ok := strings.Cut(string(data), "-----END CERTIFICATE-----\n")
		if !ok {
			t.Fatal(string(data))
		}
		parts[name] = [2]string{cert + "-----END CERTIFICATE-----\n", key}
	}
	swapped := parts[names[0]][0] + parts[names[1]][1]
	if err := os.WriteFile(filepath.Join(dir, names[0]), []byte(swapped), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, c, with(protector(t, "master", 1))); midas.CodeOf(err) != midas.Internal {
		t.Errorf("%v", err)
	}
}

func TestKeysUnderACommand(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "kms")
	// It takes part in the protocol and is no encryption: QUJD is base64 for ABC.
	text := "#!/bin/sh\nread line\necho \"$1 $2\" >>" + dir + "/log\ncase $1 in wrap) echo QUJD$line;; unwrap) echo ${line#QUJD};; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	command, err := issuer.NewCommandProtector([]string{script})
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: began}
	keys := keyDir(t)
	mustOpen(t, keys, c, with(command), adopting)
	i := mustOpen(t, keys, c, with(command))
	mint(t, i)
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || !strings.Contains(string(log), "wrap "+states(i)["signing"][0]) || !strings.Contains(string(log), "unwrap "+states(i)["next"][0]) {
		t.Errorf("%s, %v", log, err)
	}
	if strings.Contains(onDisk(t, keys), "BEGIN PRIVATE KEY") {
		t.Error("a plain private key is on the disk")
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, keys, c, with(command)); midas.CodeOf(err) != midas.Unavailable {
		t.Errorf("the service is down: %v", err)
	}
	if _, err := issuer.NewCommandProtector([]string{"no-such-program-here"}); midas.CodeOf(err) != midas.Invalid {
		t.Error(err)
	}
	if _, err := issuer.NewSecretProtector("key", []byte("short")); midas.CodeOf(err) != midas.Invalid {
		t.Error(err)
	}
}
