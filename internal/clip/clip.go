// Package clip shortens text that a client chose, so that it fills no answer, error or log
// line.
//
// It never cuts a character in two, and never makes text safe to print: quoting and escaping
// are left to the caller.
package clip

import "unicode/utf8"

// short is how many bytes Text keeps: more than any name that is accepted has.
const short = 128

// Text returns text, or its first 128 bytes and an ellipsis.
func Text(text string) string { return To(text, short) }

// To returns text, or at most the first most bytes of it and an ellipsis. A character that
// would be cut in two is left out.
func To(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && most-end < utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	if !utf8.RuneStart(text[end]) { // no UTF-8: there is no character to keep whole
		end = most
	}
	return text[:end] + "…"
}
