package issuer_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/token"
)

func TestRotationOverlaps(t *testing.T) {
	c := &clock{now: began}
	dir := keyDir(t)
	i := mustOpen(t, dir, c)
	v := verifier(t, i, c)
	before := states(i)
	old := mint(t, i)
	if _, err := i.RotateKeys(t.Context(), false, false); err != nil {
		t.Fatal(err)
	}
	after := states(i)
	if after["signing"][0] != before["next"][0] || after["retired"][0] != before["signing"][0] || len(i.PublishedKeys()) != 3 {
		t.Fatalf("before %v, after %v", before, after)
	}
	young := mint(t, i)
	if header, _, _ := token.DecodeUnverified(young); header.KeyID != before["next"][0] {
		t.Errorf("signed by %s", header.KeyID)
	}
	for _, raw := range []string{old, young} {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Error(err)
		}
	}
	var told *midas.Error
	if _, err := i.RotateKeys(t.Context(), false, false); !errors.As(err, &told) || told.Code != midas.Conflict || !strings.Contains(told.Hint, "--now") {
		t.Errorf("a key that was just published signs: %v", err)
	}
	// The old key is out of its file at once, out of publication when its tokens are over.
	if data, err := os.ReadFile(filepath.Join(dir, before["signing"][0]+".pem")); err != nil || bytes.Contains(data, []byte("KEY-----")) {
		t.Errorf("the retired key's file still holds a private key: %v", err)
	}
	c.pass(25*time.Hour - time.Second)
	if err := i.TendKeys(t.Context()); err != nil || len(i.PublishedKeys()) != 3 {
		t.Errorf("%v, %d keys: dropped too early", err, len(i.PublishedKeys()))
	}
	c.pass(time.Second)
	if err := i.TendKeys(t.Context()); err != nil || len(i.PublishedKeys()) != 2 {
		t.Errorf("%v, %d keys", err, len(i.PublishedKeys()))
	}
	if _, err := i.Keys().Key(t.Context(), before["signing"][0]); midas.CodeOf(err) != midas.NotFound {
		t.Errorf("a key whose time is over: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pem")); len(left) != 2 {
		t.Errorf("files %v", left)
	}
}

func TestRotationByAge(t *testing.T) {
	c := &clock{now: began}
	i := mustOpen(t, keyDir(t), c, func(cfg *issuer.Config) { cfg.KeyLifetime = 10 * 24 * time.Hour })
	first := states(i)["signing"][0]
	c.pass(7*24*time.Hour - time.Minute) // the keys are three days old
	if err := i.TendKeys(t.Context()); err != nil || states(i)["signing"][0] != first {
		t.Errorf("%v: changed before its time", err)
	}
	c.pass(time.Minute)
	if err := i.TendKeys(t.Context()); err != nil || states(i)["signing"][0] == first {
		t.Errorf("%v: not changed in time", err)
	}
	if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	second := states(i)["signing"][0]
	c.pass(10 * 24 * time.Hour)
	if err := i.TendKeys(t.Context()); err != nil || states(i)["signing"][0] == second {
		t.Errorf("%v", err)
	}
}

// TestRevokedKeyIsOutAtOnce: who could read one key could read all that lay beside it.
func TestRevokedKeyIsOutAtOnce(t *testing.T) {
	c := &clock{now: began}
	dir := keyDir(t)
	i := mustOpen(t, dir, c)
	v := verifier(t, i, c)
	if _, err := i.RotateKeys(t.Context(), true, false); err != nil { // so that one is retired
		t.Fatal(err)
	}
	raw := mint(t, i)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	before := map[string]bool{}
	for _, k := range i.PublishedKeys() {
		before[k.ID] = true
	}
	if _, err := i.RotateKeys(t.Context(), false, true); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), raw); midas.CodeOf(err) != midas.Unauthenticated {
		t.Errorf("a token of a revoked key: %v", err)
	}
	for range 2 {
		if header, _, _ := token.DecodeUnverified(mint(t, i)); before[header.KeyID] {
			t.Errorf("%s signs, from before the revocation", header.KeyID)
		}
		for _, k := range i.PublishedKeys() {
			if before[k.ID] {
				t.Errorf("%s is published as %s, from before the revocation", k.ID, k.State)
			}
		}
		if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
			t.Fatal(err)
		}
	}
	for id := range before {
		if _, err := os.Stat(filepath.Join(dir, id+".pem")); err == nil {
			t.Errorf("the file of %s is still there", id)
		}
	}
}

// TestRotationWhileTokensAreMade has tokens signed and verified all the time.
func TestRotationWhileTokensAreMade(t *testing.T) {
	c := &clock{now: began}
	i := mustOpen(t, keyDir(t), c)
	v := verifier(t, i, c)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := v.Verify(t.Context(), mint(t, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestKeysOfAnEarlierMidasAreTakenOver(t *testing.T) {
	c := &clock{now: began}
	names := keyFiles(t)
	dir := t.TempDir()
	for file, name := range map[string]string{"current.pem": names[0], "next.pem": names[1]} {
		if err := os.WriteFile(filepath.Join(dir, file), madeKeys()[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i := mustOpen(t, dir, c)
	if got := states(i); got["signing"][0]+".pem" != names[0] || got["next"][0]+".pem" != names[1] {
		t.Errorf("%v of %v", got, names)
	}
	for range 2 {
		if _, err := i.RotateKeys(t.Context(), true, false); err != nil {
			t.Fatal(err)
		}
	}
	c.pass(26 * time.Hour)
	if err := i.TendKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pem")); len(left) != 2 {
		t.Errorf("%v", left)
	}
}

func TestFirstStartCutShort(t *testing.T) {
	c := &clock{now: began}
	dir := t.TempDir()
	name := keyFiles(t)[0]
	if err := os.WriteFile(filepath.Join(dir, name), madeKeys()[name], 0o600); err != nil {
		t.Fatal(err)
	}
	i := mustOpen(t, dir, c)
	if got := states(i); len(got["signing"]) != 1 || len(got["next"]) != 1 {
		t.Error(got)
	}
}

func TestKeySetIsCachedLessThanKeysArePublishedAhead(t *testing.T) {
	_, base := serve(t)
	for _, path := range []string{"/common/discovery/keys", "/" + tenant + "/discovery/v2.0/keys"} {
		_, header, _ := getJSON(t, base+path)
		if header.Get("Cache-Control") != "max-age=3600, public" {
			t.Errorf("%s: %q", path, header.Get("Cache-Control"))
		}
		req, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", header.Get("ETag"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotModified {
			t.Errorf("%s unchanged: %s", path, res.Status)
		}
	}
}
