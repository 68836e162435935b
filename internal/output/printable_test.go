package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/midas-mysql/midas"
)

// hostile does in turn what a terminal should not: it clears the screen, sets the title,
// writes to the clipboard, begins a line of its own, begins a sequence with one character,
// and turns the direction round.
const hostile = "a\x1b[2J\x1b]0;title\x07\x1b]52;c;cm0gLXJmIC8=\x07\r\nmidas: all is well\tb\x9b\u009b31m\u202egpj\u2066\u2028\x00\x7f\ufeff\u200b\U000e0041z"

// shown fails if a terminal would obey something in text but line breaks and, in tsv, tabs.
func shown(t *testing.T, what, text string, lines int) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !(r == '\t' && what == "tsv") && (unprintable(r) || r == utf8.RuneError && text[i] != 0xef) {
			t.Errorf("%s: %U at %d of %q", what, r, i, text)
			return
		}
	}
	if got := strings.Count(text, "\n"); lines > 0 && got != lines {
		t.Errorf("%s: %d lines, want %d: %q", what, got, lines, text)
	}
}

func TestNoFormatLetsATextReachTheTerminal(t *testing.T) {
	answer := []any{map[string]any{"name": hostile, hostile: "value", "tags": map[string]any{hostile: hostile}}}
	for format, lines := range map[string]int{"tsv": 1, "table": 3, "json": 0, "jsonc": 0, "yaml": 0, "yamlc": 0} {
		for _, query := range []string{"", "[].name", "[0].name", "[0].tags", "[].[name, tags]"} {
			text := printed(t, answer, format, query)
			if query == "" || query == "[].name" {
				shown(t, format, text, lines)
			} else {
				shown(t, format, text, 0)
			}
		}
	}
	if got := printed(t, []any{"a\x1b[2J\tb\nc\u202e"}, "tsv", ""); got != `a\x1b[2J\tb\nc\u202e`+"\n" {
		t.Errorf("tsv: %q", got)
	}
	if got := printed(t, []any{"Zoë 👩\u200d🔧 می\u200cخواهم C:\\tmp"}, "tsv", ""); got != "Zoë 👩\u200d🔧 می\u200cخواهم C:\\tmp\n" {
		t.Errorf("what is harmless was changed: %q", got)
	}
}

// A program that reads JSON or YAML gets the very text.
func TestEscapesReadBack(t *testing.T) {
	text := strings.ToValidUTF8(hostile, "\ufffd")
	want := map[string]any{text: []any{text, "plain"}}
	var fromJSON, fromYAML any
	if err := json.Unmarshal([]byte(printed(t, want, "json", "")), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(printed(t, want, "yaml", "")), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), fromJSON) + cmp.Diff(any(want), fromYAML); diff != "" {
		t.Error(diff)
	}
}

func TestNoErrorReachesTheTerminal(t *testing.T) {
	var out bytes.Buffer
	Report(&out, midas.Errorf(midas.Invalid, "the VM %s", hostile).WithHint("see %s", hostile))
	shown(t, "error", out.String(), 2)
}

func TestNoLogLineReachesTheTerminal(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Warn(hostile, "name", hostile, "error", errors.New(hostile))
	shown(t, "log", out.String(), 1)
}

func FuzzFormatsLetNothingReachTheTerminal(f *testing.F) {
	f.Add(hostile, "k")
	f.Add("- x", hostile)
	f.Add("|\n \x1b", "? \u202e")
	f.Fuzz(func(t *testing.T, value, key string) {
		answer := []any{map[string]any{"x" + key: value}}
		for _, format := range []string{"tsv", "table", "json", "yaml"} {
			c := &Terminal{Format: format}
			var out bytes.Buffer
			c.Out = &out
			if err := c.Print(answer); err != nil {
				t.Fatal(err)
			}
			shown(t, format, out.String(), 0)
			if strings.HasPrefix(out.String(), "[") || format == "yaml" {
				var back any
				read := json.Unmarshal
				if format == "yaml" {
					read = yaml.Unmarshal
				}
				if err := read(out.Bytes(), &back); err != nil {
					t.Fatalf("%q does not read back: %v", out.String(), err)
				}
				want := []any{map[string]any{strings.ToValidUTF8("x"+key, "\ufffd"): strings.ToValidUTF8(value, "\ufffd")}}
				if diff := cmp.Diff(any(want), back); diff != "" && utf8.ValidString(value) && utf8.ValidString(key) {
					t.Errorf("%s\n%s", out.String(), diff)
				}
			}
		}
	})
}

// Where the width of a table is a stranger's choice, the padding of the other lines is too.
func TestTableOfOneLongCellIsRefused(t *testing.T) {
	rows := make([]any, 1000)
	for i := range rows {
		rows[i] = map[string]any{"a": "x", "b": "y"}
	}
	rows[0] = map[string]any{"a": strings.Repeat("x", 1<<20), "b": "y"}
	c := &Terminal{Format: "table", Out: io.Discard}
	if err := c.Print(rows); midas.CodeOf(err) != midas.Invalid {
		t.Errorf("%v", err)
	}
}
