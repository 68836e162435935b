package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/output"
)

// hostileText does in turn what a terminal should not: it clears the screen, begins a line of its
// own, begins a sequence with one character, and turns the direction round.
const hostileText = "a\x1b[2J\x1b]0;title\x07\r\nmidas: all is well\tb\x9b\u009b31m\u202egpj\u2066\u2028\x00\x7f\ufeff\u200b\U000e0041z"

// shownSafely fails if a terminal would obey something in text but line breaks.
func shownSafely(t *testing.T, what, text string, lines int) {
	t.Helper()
	if plain := strings.ReplaceAll(text, "\n", ""); output.Printable(plain) != plain {
		t.Errorf("%s: %q", what, text)
	}
	if got := strings.Count(text, "\n"); lines > 0 && got != lines {
		t.Errorf("%s: %d lines, want %d: %q", what, got, lines, text)
	}
}

func TestNoErrorOfAServerReachesTheTerminal(t *testing.T) {
	arm := armtest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": hostileText, "message": hostileText}})
		_, _ = w.Write(body)
	})
	state := arm.State(t)
	_, stdout, stderr := ran(t, state, "group", "show", "--name", "g", "--verbose")
	shownSafely(t, "error of a server", stdout+stderr, 0)
	if !strings.Contains(stderr, "midas: (a") {
		t.Errorf("%q", stderr)
	}
}

func TestNoStepOfTheDemoReachesTheTerminal(t *testing.T) {
	var out bytes.Buffer
	d := &demo{out: &out, now: time.Now}
	if err := d.step(hostileText, func() (string, error) { return hostileText, nil }); err != nil {
		t.Fatal(err)
	}
	shownSafely(t, "demo", strings.ReplaceAll(out.String(), "\n"+beneath, " "), 1)
}
