package account

import (
	"bytes"
	"unicode/utf8"
)

// MaxStatement is how many bytes of text are looked at to recognise one statement.
// The longest sensible one holds a name of 256 characters of 4 bytes (1 KiB, 2 KiB if
// each is escaped), a host of 255 bytes and a short alias; the rest is for comments.
// Without a limit the client would choose how long the relay looks.
const MaxStatement = 4096

type kind byte

const (
	tokenEnd    kind = iota
	tokenWord        // unquoted identifier or keyword
	tokenText        // '…', "…" or `…`
	tokenMark        // one byte of punctuation; := counts as =
	tokenBroken      // unterminated, or a byte that no statement of ours has
)

// token is a piece of the text; start and end include the quotes.
type token struct {
	kind       kind
	start, end int
}

// scanner cuts the text of one statement into tokens. It reads text only forwards,
// never past MaxStatement, and allocates nothing.
type scanner struct {
	text []byte
	pos  int
	// cut is true when text is only the beginning of what there was.
	cut  bool
	opts Options
	// open is true inside an executable comment, whose text is part of the statement.
	open bool
}

func newScanner(text []byte, opts Options) scanner {
	if len(text) > MaxStatement {
		return scanner{text: text[:MaxStatement], cut: true, opts: opts}
	}
	return scanner{text: text, opts: opts}
}

func (s *scanner) peek(ahead int) byte {
	if i := s.pos + ahead; i < len(s.text) {
		return s.text[i]
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells whether c may stand in an unquoted identifier.
// Source: MySQL Reference Manual, "Schema Object Names".
func isWord(c byte) bool {
	return c >= utf8.RuneSelf || c == '_' || c == '$' || isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'z')
}

// space skips white space and comments. The markers of an executable comment are
// skipped and its text is not, since the server would run that text.
func (s *scanner) space() {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case isSpace(c):
			s.pos++
		case c == '#', c == '-' && s.peek(1) == '-' && (s.pos+2 >= len(s.text) || s.text[s.pos+2] <= ' '):
			s.skipPast("\n")
		case c == '/' && s.peek(1) == '*' && s.peek(2) == '!' && !s.open:
			s.enter(3)
		case c == '/' && s.peek(1) == '*' && s.peek(2) == 'M' && s.peek(3) == '!' && !s.open:
			s.enter(4)
		case c == '/' && s.peek(1) == '*':
			s.pos += 2
			s.skipPast("*/")
		case c == '*' && s.peek(1) == '/' && s.open:
			s.open = false
			s.pos += 2
		default:
			return
		}
	}
}

// enter steps into an executable comment: its marker and the version after it.
func (s *scanner) enter(marker int) {
	s.open = true
	s.pos += marker
	for n := 0; n < 6 && isDigit(s.peek(0)); n++ {
		s.pos++
	}
}

func (s *scanner) skipPast(end string) {
	i := indexString(s.text[s.pos:], end)
	if i < 0 {
		s.pos = len(s.text)
		return
	}
	s.pos += i + len(end)
}

func indexString(text []byte, what string) int {
	for i := 0; i+len(what) <= len(text); i++ {
		if string(text[i:i+len(what)]) == what { // compared in place: no allocation
			return i
		}
	}
	return -1
}

func (s *scanner) next() token {
	s.space()
	start := s.pos
	if start >= len(s.text) {
		return token{kind: tokenEnd, start: start, end: start}
	}
	switch c := s.text[start]; {
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case isWord(c):
		for s.pos < len(s.text) && isWord(s.text[s.pos]) {
			s.pos++
		}
		return token{kind: tokenWord, start: start, end: s.pos}
	case c == ':' && s.peek(1) == '=':
		s.pos += 2
		return token{kind: tokenMark, start: start + 1, end: s.pos}
	case c > ' ' && c < 0x7f:
		s.pos++
		return token{kind: tokenMark, start: start, end: s.pos}
	}
	return token{kind: tokenBroken, start: start, end: start + 1}
}

// escapes tells whether a backslash is special between these quotes.
func (s *scanner) escapes(quote byte) bool {
	return !s.opts.NoBackslashEscapes && (quote == '\'' || (quote == '"' && !s.opts.AnsiQuotes))
}

func (s *scanner) quoted(quote byte) token {
	start, escapes := s.pos, s.escapes(quote)
	for i := start + 1; i < len(s.text); i++ {
		switch {
		case s.text[i] == '\\' && escapes:
			i++
		case s.text[i] == quote && i+1 < len(s.text) && s.text[i+1] == quote:
			i++
		case s.text[i] == quote:
			s.pos = i + 1
			return token{kind: tokenText, start: start, end: s.pos}
		}
	}
	return token{kind: tokenBroken, start: start, end: len(s.text)}
}

// is tells whether t is the given keyword, written in lower case here.
func (s *scanner) is(t token, keyword string) bool {
	if t.kind != tokenWord || t.end-t.start != len(keyword) {
		return false
	}
	for i := range len(keyword) {
		c := s.text[t.start+i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != keyword[i] {
			return false
		}
	}
	return true
}

// isName is is for an identifier, which may stand between backquotes.
func (s *scanner) isName(t token, name string) bool {
	if t.kind == tokenText && s.text[t.start] == '`' {
		t = token{kind: tokenWord, start: t.start + 1, end: t.end - 1}
	}
	return s.is(t, name)
}

// isMark tells whether t is the given punctuation.
func (s *scanner) isMark(t token, c byte) bool { return t.kind == tokenMark && s.text[t.start] == c }

// value is what a quoted token says.
func (s *scanner) value(t token) string {
	quote, body := s.text[t.start], s.text[t.start+1:t.end-1]
	escapes := s.escapes(quote)
	if bytes.IndexByte(body, quote) < 0 && (!escapes || bytes.IndexByte(body, '\\') < 0) {
		return string(body)
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == quote:
			i++ // the first of two
		case c == '\\' && escapes && i+1 < len(body):
			if body[i+1] != '%' && body[i+1] != '_' { // these two keep their backslash
				i++
				c = unescape(body[i])
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// unescape is the byte that a backslash and c stand for.
// Source: MySQL Reference Manual, "String Literals", table of escape sequences.
func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return c
}
