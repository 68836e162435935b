package issuer_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/midas-mysql/midas/issuer"
)

// The rotation in TestRotationSurvivesAKill is done by a process of its own, which ends
// where it is told to.
const (
	killDir  = "MIDAS_TEST_KEYS"
	killStep = "MIDAS_TEST_KILL_AT"
)

func rotateAndDie(t *testing.T, dir string) {
	armed := false
	i := mustOpen(t, dir, &clock{now: began}, func(cfg *issuer.Config) {
		issuer.StopBetween(cfg, func(step string) error {
			if armed && step == os.Getenv(killStep) {
				os.Exit(17)
			}
			return nil
		})
	})
	armed = true
	_, err := i.RotateKeys(t.Context(), true, false)
	t.Fatalf("still alive: %v", err)
}

func TestRotationSurvivesAKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		rotateAndDie(t, dir)
	}
	for _, step := range []string{"made", "committed", "rewritten"} {
		t.Run(step, func(t *testing.T) {
			dir := keyDir(t)
			c := &clock{now: began}
			first := mustOpen(t, dir, c)
			before, old := states(first), mint(t, first)
			cmd := exec.Command(os.Args[0], "-test.run=^TestRotationSurvivesAKill$")
			cmd.Env = append(os.Environ(), killDir+"="+dir, killStep+"="+step)
			var exit *exec.ExitError
			if out, err := cmd.CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 17 {
				t.Fatalf("%v: %s", err, out)
			}
			i := mustOpen(t, dir, c)
			after := states(i)
			want := before["signing"][0] // as before the change
			if step != "made" {
				want = before["next"][0] // as after it
			}
			if len(after["signing"]) != 1 || after["signing"][0] != want || len(after["next"]) != 1 {
				t.Errorf("before %v, after %v", before, after)
			}
			v := verifier(t, i, c)
			for _, raw := range []string{old, mint(t, i)} {
				if _, err := v.Verify(t.Context(), raw); err != nil {
					t.Error(err)
				}
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
			if err != nil || len(files) != len(i.PublishedKeys()) {
				t.Errorf("%d files for %d keys, %v", len(files), len(i.PublishedKeys()), err)
			}
		})
	}
}
