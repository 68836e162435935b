package metadata_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/metadata"
)

// A caller that reaches the endpoint and can read no key may ask for challenges without end:
// neither the files nor the machine's share of requests run out for callers that can read them.
func TestArcChallengesLockNobodyOut(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.remake(func(c *metadata.Config) {
		c.Arc, c.Limits = metadata.ArcConfig{Dir: dir, Machine: w.vm.ID}, nil
	})
	system := w.system()
	arc := w.from("127.0.0.1:40000")
	arc.path = "/arc" + arc.path
	challenged := func() string {
		t.Helper()
		out := w.send(arc)
		path, is := strings.CutPrefix(out.Header().Get("WWW-Authenticate"), "Basic realm=")
		if out.Code != 401 || !is {
			t.Fatalf("status %d, %s", out.Code, out.Body)
		}
		return path
	}
	first := challenged()
	for range 400 { // in no time, by a clock that stands
		challenged()
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 200 {
		t.Errorf("%d files, %v", len(files), err)
	}
	proof := arc
	for _, path := range []string{first, challenged(), challenged()} {
		for range 400 { // before that caller has read its file
			challenged()
		}
		key, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("a caller that can read its file comes too late: %v", err)
		}
		proof.header = http.Header{"Metadata": {"true"}, "Authorization": {"Basic " + string(key)}}
		if p := w.principal(w.token(proof)); p.ClientID != system.ClientID {
			t.Errorf("token of %s", p.ClientID)
		}
	}
	// A caller that has proved to be the machine has the machine's share of requests, and no more.
	throttled := false
	for range 25 {
		key, err := os.ReadFile(challenged())
		w.must(err)
		proof.header["Authorization"] = []string{"Basic " + string(key)}
		throttled = throttled || w.send(proof).Code == http.StatusTooManyRequests
	}
	if !throttled {
		t.Error("tokens without end")
	}
	w.endpoint.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("keys are left after the end: %d", len(left))
	}
}

// challenge asks Azure Arc's way, and returns the file that the answer names and what is
// in it.
func (w *world) challenge(arc request) (path, key string) {
	w.Helper()
	out := w.send(arc)
	path, is := strings.CutPrefix(out.Header().Get("WWW-Authenticate"), "Basic realm=")
	if out.Code != 401 || !is || filepath.Dir(path) != w.config.Arc.Dir || filepath.Ext(path) != ".key" || out.Body.Len() > 0 {
		w.Fatalf("status %d, %v, %s", out.Code, out.Header(), out.Body)
	}
	text, err := os.ReadFile(path)
	w.must(err)
	info, err := os.Stat(path)
	w.must(err)
	if info.Mode().Perm() != 0o640 || len(text) > 4096 || len(text) < 32 {
		w.Errorf("key file of %d bytes, %s", len(text), info.Mode())
	}
	return path, string(text)
}

// prove is a request with what was in the file.
func prove(arc request, key string) request {
	return arc.with(having("Authorization", "Basic "+key))
}

// refuses checks that a request gets no token.
func (w *world) refuses(name string, r request) {
	w.Helper()
	if out := w.send(r); out.Code != 401 || strings.Contains(out.Body.String(), "access_token") {
		w.Errorf("%s: status %d, %s", name, out.Code, out.Body)
	}
}

// Azure Arc: who can read the file that the challenge names gets a token, once.
func TestArcChallenge(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	stale := filepath.Join(dir, "midas-stale.key")
	w.must(os.WriteFile(stale, []byte("old"), 0o600))
	w.remake(func(c *metadata.Config) { c.Arc = metadata.ArcConfig{Dir: dir} })
	if _, err := os.Stat(stale); err == nil {
		t.Error("a key of an earlier run is still there")
	}
	user, _ := w.identity("user-assigned"), w.system()
	arc := w.imds("client_id", user.ClientID)
	arc.path = "/arc" + arc.path
	path, key := w.challenge(arc)
	answer := w.token(prove(arc, key))
	if p := w.principal(answer); p.ClientID != user.ClientID || answer["client_id"] != user.ClientID {
		t.Errorf("token of %s", p.ClientID)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the key file is still there")
	}
	w.refuses("a key for the second time", prove(arc, key))
	w.refuses("a guess", prove(arc, "guess"))
	w.refuses("no key", prove(arc, ""))
	path, key = w.challenge(arc)
	w.now = w.now.Add(61 * time.Second)
	w.refuses("an old key", prove(arc, key))
	if _, err := os.Stat(path); err == nil {
		t.Error("the file of an old key is still there")
	}
	_, key = w.challenge(arc)
	w.vm, _, _ = w.directory.PutVM(t.Context(), nil, group, "another", w.change("SystemAssigned"))
	other := w.imds()
	other.path = "/arc" + other.path
	other.header.Set("Authorization", "Basic "+key)
	w.refuses("the key of another machine", other)
	stranger := prove(arc, key)
	stranger.header.Del("X-Identity-Header")
	w.refuses("nobody's", stranger)

	w.endpoint.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("keys are left after the end: %v", left)
	}
}

// A folder that is not there is an error at the start.
func TestArcNeedsItsFolder(t *testing.T) {
	w := newWorld(t)
	cfg := w.config
	cfg.Arc.Dir = filepath.Join(t.TempDir(), "none")
	if _, err := metadata.New(cfg); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("%v", err)
	}
}
