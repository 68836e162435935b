package issuer_test

import (
	"bytes"
	"encoding/base64"
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

var request = midas.TokenRequest{
	Identity: midas.Identity{ResourceID: uami, TenantID: tenant, ClientID: app, PrincipalID: object},
	Resource: midas.Resource,
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t testing.TB, dir string, c *clock, change ...func(*issuer.Config)) (*issuer.Issuer, error) {
	t.Helper()
	cfg := issuer.Config{
		Dir: dir, TenantID: tenant, Applications: applications{}, BaseURL: func() string { return "https://h" }, Now: c.read,
	}
	for _, f := range change {
		f(&cfg)
	}
	return issuer.New(cfg)
}

func mustOpen(t testing.TB, dir string, c *clock, change ...func(*issuer.Config)) *issuer.Issuer {
	t.Helper()
	i, err := open(t, dir, c, change...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// states lists the keys by what they are for.
func states(i *issuer.Issuer) map[string][]string {
	out := map[string][]string{}
	for _, k := range i.PublishedKeys() {
		out[k.State] = append(out[k.State], k.ID)
	}
	return out
}

func mint(t testing.TB, i *issuer.Issuer) string {
	t.Helper()
	minted, err := i.Mint(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return minted.Raw
}

func verifier(t testing.TB, i *issuer.Issuer, c *clock) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: i.IssuerURLs(), TenantID: tenant, Keys: i.Keys()}},
		Audiences: []string{midas.Resource}, Now: c.read,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

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
