package clip

import (
	"strings"
	"testing"
)

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"abcd", 0, "…"},
		{"aé", 2, "a…"}, // é has two bytes
		{"é€", 4, "é…"}, // € has three
		{"a😀", 4, "a…"}, // this one has four
		{"😀", 3, "…"},   // and does not fit
		{"a\x80\x80\x80\x80\x80", 5, "a\x80\x80\x80\x80…"}, // no UTF-8
	} {
		if got := To(c.text, c.most); got != c.want {
			t.Errorf("To(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestTextKeeps128Bytes(t *testing.T) {
	if got, want := Text(strings.Repeat("x", 129)), strings.Repeat("x", 128)+"…"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
