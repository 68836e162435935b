package issuer_test

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
)

// TestKeysAreTakenOverWithoutTheirList does what the hint about a damaged list says.
func TestKeysAreTakenOverWithoutTheirList(t *testing.T) {
	master := protector(t, "master", 1)
	for name, change := range map[string][]func(*issuer.Config){"plain": nil, "encrypted": {with(master), adopting}} {
		c := &clock{now: began}
		dir := keyDir(t)
		i := mustOpen(t, dir, c, change...)
		if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
			t.Fatal(err)
		}
		before := states(i)
		if err := os.Remove(filepath.Join(dir, "keys.json")); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Minute)
		if name == "encrypted" {
			change = change[:1]
		}
		i, err := open(t, dir, c, change...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := states(i)
		if after["signing"][0] != before["signing"][0] || after["next"][0] != before["next"][0] {
			t.Errorf("%s: before %v, after %v", name, before, after)
		}
		// A certificate alone may be anybody's: where keys are encrypted it is not believed.
		if kept := len(after["retired"]) == 1 && after["retired"][0] == before["retired"][0]; kept != (name == "plain") {
			t.Errorf("%s: before %v, after %v", name, before, after)
		}
		mint(t, i)
	}
}

// TestEncryptionIsNotUndoneByAWriter lets an attacker write to the directory who cannot
// decrypt its files.
func TestEncryptionIsNotUndoneByAWriter(t *testing.T) {
	c := &clock{now: began}
	master := protector(t, "master", 1)
	if _, err := open(t, keyDir(t), c, with(master)); midas.CodeOf(err) != midas.Internal || !strings.Contains(midas.HintOf(err), "--insecure-adopt-plain-keys") {
		t.Errorf("plain keys are taken over unasked: %v", err)
	}
	edit := func(name string, f func(string) string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := f(string(raw))
			if changed == string(raw) {
				t.Fatal("nothing changed")
			}
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	one := keyFiles(t)[0]
	cert, plain := pem.Decode(madeKeys()[one])
	for name, damage := range map[string]func(*testing.T, string){
		"the list without its seal": edit("keys.json", func(s string) string {
			head, _, _ := strings.Cut(s, `"seal"`)
			return strings.TrimRight(head, ", \n") + "}"
		}),
		"another published key": edit("keys.json", func(s string) string {
			return strings.Replace(s, `"keys": [`, `"keys": [{"file":"mine.pem","kid":"mine","published":1,"signing":1,"until":99999999999},`, 1)
		}),
		"a retired key for longer": edit("keys.json", func(s string) string { return strings.Replace(s, `"published": 1`, `"published": 2`, 1) }),
		"a plain key":              edit(one, func(string) string { return string(pem.EncodeToMemory(cert)) + string(plain) }),
		"all of it as it was before": func(t *testing.T, dir string) {
			for file, data := range madeKeys() {
				if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		dir := keyDir(t)
		mustOpen(t, dir, c, with(master), adopting)
		mustOpen(t, dir, c, with(master))
		damage(t, dir)
		if _, err := open(t, dir, c, with(master)); midas.CodeOf(err) != midas.Internal || midas.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", name, err, midas.HintOf(err))
		}
	}
}
