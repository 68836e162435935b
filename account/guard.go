package account

// schemaName is where the mapping rows are. It is compared without case, as servers do
// that keep schemas in files of a system without case.
const schemaName = "midas"

// ChangesSchema tells whether text, the beginning of what a client sends to be run, has a
// statement that would change or drop schema midas: DROP DATABASE midas, DELETE FROM
// midas.aaduser and the like. It looks at names that are written out with their schema,
// in the first MaxStatement bytes. What it does not see (a name without its schema after
// USE, a statement in a string, in a stored program or behind a long comment) is for the
// copy of the rows to mend.
//
// How text is read depends on the session's SQL mode, which is not known here. It says
// yes only if all ways of reading agree, so that what is a string to the server is none
// of a statement here.
func ChangesSchema(text []byte) bool {
	text = text[:min(len(text), MaxStatement)]
	if !mentions(text, schemaName) {
		return false
	}
	for _, opts := range [...]Options{{}, {NoBackslashEscapes: true}, {AnsiQuotes: true}} {
		s := newScanner(text, opts)
		if !s.anyChange() {
			return false
		}
	}
	return true
}

// mentions finds a word in lower case, whatever its case in text. It spares nearly all
// statements the rest.
func mentions(text []byte, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		n := 0
		for n < len(word) && text[i+n]|0x20 == word[n] {
			n++
		}
		if n == len(word) {
			return true
		}
	}
	return false
}

// anyChange looks at one statement after the other.
func (s *scanner) anyChange() bool {
	for {
		end, found := s.change()
		if found {
			return true
		}
		for end.kind != tokenEnd && end.kind != tokenBroken && !s.isMark(end, ';') {
			end = s.next()
		}
		if end.kind == tokenEnd || end.kind == tokenBroken {
			return false
		}
	}
}

// change reads one statement as far as it names what it changes. It returns the token at
// which it stopped.
func (s *scanner) change() (last token, found bool) {
	first := s.next()
	switch {
	case s.is(first, "drop"), s.is(first, "alter"):
		return s.definition(s.next())
	case s.is(first, "create"), s.is(first, "truncate"), s.is(first, "rename"),
		s.is(first, "delete"), s.is(first, "update"), s.is(first, "insert"), s.is(first, "replace"), s.is(first, "load"):
		return s.names(s.next())
	}
	return first, false
}

// definition reads what comes after DROP or ALTER.
func (s *scanner) definition(t token) (last token, found bool) {
	for s.isAny(t, "online", "offline", "ignore", "temporary") {
		t = s.next()
	}
	switch {
	case s.isAny(t, "database", "schema"):
		if t = s.next(); s.is(t, "if") {
			s.next() // EXISTS
			t = s.next()
		}
		return t, s.isQuotedName(t, schemaName)
	case s.isAny(t, "table", "tables", "index"):
		return s.names(s.next())
	}
	return t, false // accounts, views, triggers, routines: nothing that midas has
}

// names looks for a name with the schema, up to where a statement only reads what it names.
func (s *scanner) names(t token) (last token, found bool) {
	for ; t.kind == tokenWord || t.kind == tokenText || t.kind == tokenMark; t = s.next() {
		switch {
		case s.isMark(t, ';'), s.isMark(t, '('), s.isMark(t, '='):
			return t, false
		case s.isAny(t, "as", "select", "set", "where", "values", "value", "like", "with", "user", "role"):
			return t, false
		case s.isQuotedName(t, schemaName):
			after := s.next()
			if s.isMark(after, '.') {
				return after, true
			}
			t = after
			if s.isMark(t, ';') {
				return t, false
			}
		}
	}
	return t, false
}

func (s *scanner) isAny(t token, keywords ...string) bool {
	for _, word := range keywords {
		if s.is(t, word) {
			return true
		}
	}
	return false
}

// isQuotedName is isName for a name that may also stand between double quotes, as in SQL
// mode ANSI_QUOTES. In other modes a text is there that no statement here can have.
func (s *scanner) isQuotedName(t token, name string) bool {
	if t.kind == tokenText && s.text[t.start] == '"' {
		t = token{kind: tokenWord, start: t.start + 1, end: t.end - 1}
	}
	return s.isName(t, name)
}
