package metadata_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/metadata"
)

// Whoever can reach the endpoint may ask for challenges without end, and can read no key:
// neither the files nor the machine's share of requests run out for who can.
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
	if _, err := os.Stat(first); err == nil {
		t.Error("the oldest key is there still")
	}
	path := challenged()
	for range 50 {
		challenged()
	}
	key, err := os.ReadFile(path)
	w.must(err)
	proof := arc
	proof.header = http.Header{"Metadata": {"true"}, "Authorization": {"Basic " + string(key)}}
	if p := w.principal(w.token(proof)); p.ClientID != system.ClientID {
		t.Errorf("token of %s", p.ClientID)
	}
	// Who has proved to be the machine has its share, and no more.
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
