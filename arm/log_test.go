package arm

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/throttledlog"
)

// journal is a log that requests write to together.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Split(strings.TrimSpace(j.text.String()), "\n")
}

// Neither strangers nor principals without a role, nor one that repeats what it may do,
// write a line for each request; changes of different things have a line each.
func TestNobodyFillsTheLog(t *testing.T) {
	w := newWorld(t)
	var out journal
	w.api.Log = slog.New(slog.NewTextHandler(&out, nil))
	now := time.Now()
	w.api.refusals = throttledlog.New(w.api.Log, func() time.Time { return now })
	register := func(i int) string {
		path := "/subscriptions/{sub}/providers/Microsoft.Compute/register"
		return strings.Repeat("/", i%4) + []string{path, strings.ToUpper(path[:1]) + path[1:], strings.Replace(path, "register", "REGISTER", 1)}[i%3] + "?api-version=2021-04-01"
	}
	for i := range 30 {
		w.do(t, "", "POST", fmt.Sprint("/subscriptions/", i, strings.Repeat("/x", 500)), "")
		w.do(t, "forged", fmt.Sprint("METHOD", i), "/subscriptions", "")
		w.do(t, "stranger", "PUT", fmt.Sprint("/subscriptions/{sub}/resourcegroups/rg", i, "?api-version=2021-04-01"), "{}")
		w.do(t, "owner", "POST", register(i), "")
		w.do(t, "owner", "GET", "/subscriptions?api-version=2021-04-01", "")
	}
	for i := range 3 {
		w.do(t, "owner", "PUT", fmt.Sprint("/subscriptions/{sub}/resourcegroups/rg", i, "?api-version=2021-04-01"), `{"location":"westeurope"}`)
	}
	lines := out.lines()
	if len(lines) != 6 {
		t.Errorf("%d lines, want one of strangers, one of the stranger with a token, one of the repeated registration and three of changes:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if len(line) > 1024 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
