package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unprintable are the characters that a terminal obeys, and those that show a text as
// another: controls (ESC begins a sequence, and so does U+009B alone), line and paragraph
// separators, directions, and what has no width. Joiners are left out, which Persian and
// emoji are written with.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\u200c' && r != '\u200d'
}

// Printable spells a foreign text so that a terminal shows it and obeys nothing in it.
func Printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return unprintable(r) || r == utf8.RuneError }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && s[i] != 0xef: // no character; U+FFFD itself begins with this byte
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unprintable(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// printableJSON is printable for JSON, whose own escapes mean the same text to a program.
func printableJSON(text string) string { return escaped(text, jsonEscape) }

func jsonEscape(r rune) string {
	if r < 0x10000 {
		return fmt.Sprintf(`\u%04x`, r)
	}
	r -= 0x10000
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
}

// escaped spells the unprintable characters of a text anew, but for its line breaks.
func escaped(text string, escape func(rune) string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unprintable(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if r != '\n' && unprintable(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// OneLine is printable for errors: what breaks a line, or moves in it, becomes a blank.
func OneLine(s string) string {
	return Printable(strings.Join(strings.FieldsFunc(s, unicode.IsControl), " "))
}
