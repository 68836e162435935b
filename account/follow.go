package account

// ChangesAccounts tells whether sqlPrefix, the beginning of a statement, or of several when
// a client may send several at once, may change accounts so that Sweep has something to do:
// DROP USER, RENAME USER, CREATE [OR REPLACE] USER, ALTER USER, SET PASSWORD. What it does
// not recognise, such as what a stored program does, Sweep meets at its next turn. Like
// Ours it is meant for the path of every query and allocates nothing.
func ChangesAccounts(sqlPrefix []byte, several bool) bool {
	s := newScanner(sqlPrefix, Options{})
	for {
		if t, changes := s.accountVerb(); changes || !several || !s.skipStatement(t) {
			return changes
		}
	}
}

// accountVerb reads the first words of a statement, and returns the last token it read.
func (s *scanner) accountVerb() (last token, changes bool) {
	first := s.next()
	switch {
	case s.is(first, "drop"), s.is(first, "rename"), s.is(first, "alter"):
		last = s.next()
		return last, s.is(last, "user")
	case s.is(first, "set"):
		last = s.next()
		return last, s.is(last, "password")
	case s.is(first, "create"):
		if last = s.next(); s.is(last, "or") {
			s.next()
			last = s.next()
		}
		return last, s.is(last, "user")
	}
	return first, false
}

// skipStatement goes on to the text after the next semicolon, from t on, and tells whether
// there is one.
func (s *scanner) skipStatement(t token) bool {
	for ; t.kind != tokenEnd && t.kind != tokenBroken; t = s.next() {
		if s.isMark(t, ';') {
			return true
		}
	}
	return false
}

// SetsOwnPassword tells whether sqlPrefix, the beginning of a statement, gives the account
// of user, who sends it, a password: SET PASSWORD, or ALTER USER … IDENTIFIED. An AADUSER
// has none: the statement can only open the backend to what midas does not know of.
func SetsOwnPassword(sqlPrefix []byte, user string) bool {
	s := newScanner(sqlPrefix, Options{})
	switch first := s.next(); {
	case s.is(first, "set"):
		if !s.is(s.next(), "password") {
			return false
		}
		t := s.next()
		return !s.is(t, "for") || s.isUser(s.next(), user)
	case s.is(first, "alter"):
		if !s.is(s.next(), "user") {
			return false
		}
		t := s.next()
		if s.is(t, "if") {
			s.next()
			t = s.next()
		}
		return s.isUser(t, user) && s.has("identified")
	}
	return false
}

// isUser tells whether t is the name of user, or stands for the user who sends the statement.
func (s *scanner) isUser(t token, user string) bool {
	switch t.kind {
	case tokenText:
		return s.value(t) == user
	case tokenWord:
		return s.is(t, "current_user") || s.is(t, "user") || string(s.text[t.start:t.end]) == user
	}
	return false
}

// has tells whether the rest of the statement has that keyword.
func (s *scanner) has(keyword string) bool {
	for {
		t := s.next()
		if t.kind == tokenEnd || t.kind == tokenBroken || s.isMark(t, ';') || s.is(t, keyword) {
			return s.is(t, keyword)
		}
	}
}
