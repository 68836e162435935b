package throttledlog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type world struct {
	*Log
	out bytes.Buffer
	at  time.Time
}

func newWorld() *world {
	w := &world{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.Log = New(slog.New(slog.NewTextHandler(&w.out, nil)), func() time.Time { return w.at })
	return w
}

// said is what was written since the last time, without the time.
func (w *world) said() string {
	var out []string
	for line := range strings.Lines(w.out.String()) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		out = append(out, rest)
	}
	w.out.Reset()
	return strings.Join(out, "\n")
}

func TestOneLineForManyRefusals(t *testing.T) {
	w := newWorld()
	for i := range 5000 {
		w.Warn(fmt.Sprintf("127.0.0.%d:%d", i%250+1, i), "refused", "n", i)
		w.Warn(fmt.Sprintf("[2001:db8::%x]:99", i), "refused", "n", i)
	}
	w.Warn("127.0.0.1:1", "refused otherwise")
	w.Warn("192.0.2.1:1", "refused")
	w.Warn("192.0.2.1", "refused")
	want := "level=WARN msg=refused n=0\nlevel=WARN msg=refused n=0\nlevel=WARN msg=\"refused otherwise\"\nlevel=WARN msg=refused"
	if got := w.said(); got != want {
		t.Errorf("%s", got)
	}
	w.at = w.at.Add(every)
	for i := range 2 {
		w.Warn("127.0.0.1:1", "refused", "n", i)
	}
	if got := w.said(); got != "level=WARN msg=refused n=0 left_out=4999" {
		t.Errorf("the next line: %s", got)
	}
	w.at = w.at.Add(every)
	w.Warn("127.0.0.1:1", "refused")
	w.Warn("127.0.0.1:1", "refused otherwise")
	if got := w.said(); got != "level=WARN msg=refused left_out=1\nlevel=WARN msg=\"refused otherwise\"" {
		t.Errorf("the line after: %s", got)
	}
}

// Strangers with any number of addresses fill neither the memory nor the log, and what is
// left out is counted under any source.
// A source's reasons have a line each, unless it gives many: it may name a user in each.
func TestReasonsOfOneSource(t *testing.T) {
	w := newWorld()
	for range 100 {
		w.Refused("192.0.2.1:1", "refused", "no such user", "reason", "no such user")
		w.Refused("192.0.2.1:2", "refused", "expired", "reason", "expired")
	}
	w.Refused("192.0.2.2:1", "refused", "expired", "reason", "expired")
	want := "level=WARN msg=refused reason=\"no such user\"\nlevel=WARN msg=refused reason=expired\nlevel=WARN msg=refused reason=expired"
	if got := w.said(); got != want {
		t.Errorf("%s", got)
	}
	for i := range 1000 {
		w.Refused("192.0.2.1:1", "refused", fmt.Sprint(i), "reason", i)
	}
	if lines := strings.Count(w.said(), "reason="); lines != mostReasons-2+1 {
		t.Errorf("%d lines for many reasons, want those that are left and one more", lines)
	}
	w.at = w.at.Add(every)
	w.Refused("192.0.2.1:1", "refused", "expired", "reason", "expired")
	if got := w.said(); got != "level=WARN msg=refused reason=expired left_out=99" {
		t.Errorf("the next line: %s", got)
	}
	for i := range 10 * most { // of all sources together there are no more lines than before
		w.Refused(fmt.Sprintf("10.%d.%d.1:1", i/250, i%250), "refused", "expired")
	}
	if len(w.reasons) > most || strings.Count(w.said(), "\n") > most {
		t.Errorf("%d sources are kept", len(w.reasons))
	}
}

func TestRefusalsOfManySources(t *testing.T) {
	w := newWorld()
	lines, left, refused := 0, 0, 0
	count := func() {
		for line := range strings.Lines(w.said() + "\n") {
			var n int
			if _, after, some := strings.Cut(line, "left_out="); some {
				fmt.Sscan(after, &n)
			}
			lines, left = lines+1, left+n
		}
	}
	flood := func() {
		for i := range 5000 {
			for range 2 {
				w.Warn(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), "refused")
				refused++
			}
		}
	}
	flood()
	if count(); lines != most+1 || len(w.strangers.kinds) > most+1 {
		t.Errorf("%d lines, %d remembered", lines, len(w.strangers.kinds))
	}
	w.at = w.at.Add(every)
	flood()
	if count(); lines != 2*(most+1) || len(w.strangers.kinds) > most+1 {
		t.Errorf("%d lines, %d remembered", lines, len(w.strangers.kinds))
	}
	w.at = w.at.Add(every)
	for i := range 2 * most { // all others are forgotten, and then those beyond have their line
		w.Warn(fmt.Sprintf("10.1.%d.%d:1", i/250, i%250), "refused")
		refused++
	}
	w.at = w.at.Add(every)
	for i := range 2 * most {
		w.Warn(fmt.Sprintf("10.2.%d.%d:1", i/250, i%250), "refused")
		refused++
	}
	count()
	for _, k := range w.strangers.kinds {
		left += k.left
	}
	if lines+left != refused {
		t.Errorf("%d lines and %d left out are not the %d refusals", lines, left, refused)
	}
}

// A known principal has its line for each thing that it does, wherever it comes from, and
// strangers take none of them away.
func TestKnownSubjects(t *testing.T) {
	w := newWorld()
	for i := range 2 * most {
		w.Warn(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), "refused")
	}
	w.said()
	for i := range 100 {
		w.Known(slog.LevelInfo, "alice", "token issued", "n", i)
		w.Known(slog.LevelInfo, "bob", "token issued", "n", i)
	}
	if got := w.said(); got != "level=INFO msg=\"token issued\" n=0\nlevel=INFO msg=\"token issued\" n=0" {
		t.Errorf("%s", got)
	}
	w.at = w.at.Add(every)
	w.Known(slog.LevelWarn, "alice", "token issued")
	if got := w.said(); got != "level=WARN msg=\"token issued\" left_out=99" {
		t.Errorf("%s", got)
	}
}
