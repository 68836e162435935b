package account

import (
	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

const validateVariable = "aad_auth_validate_oids_in_tenant"

// Options are the parts of the session's SQL mode that change how text is read.
type Options struct {
	NoBackslashEscapes bool // backslash is an ordinary character
	AnsiQuotes         bool // "…" is an identifier, without backslash escapes
}

// verb is what the first words of a text say.
type verb byte

const (
	notOurs verb = iota
	createUser
	setValidate
	setGlobal  // a form of SET that has no such variable
	replaceOne // CREATE OR REPLACE AADUSER
	alterOne   // ALTER AADUSER
	dropOne    // DROP AADUSER
)

// Ours tells whether sqlPrefix, the beginning of a statement, is one for Parse. It is
// meant for the path of every query: it allocates nothing and gives up at the first
// word that cannot be ours. Give it the first MaxStatement bytes, or all there are.
// True is a promise of nothing but that Parse should look; false is certain.
func Ours(sqlPrefix []byte) bool {
	s := newScanner(sqlPrefix, Options{})
	return head(&s) != notOurs
}

// head reads the words that tell statements apart. No quoted text but backquotes is
// read here, so the SQL mode makes no difference.
func head(s *scanner) verb {
	first := s.next()
	switch {
	case s.is(first, "create"):
		t := s.next()
		replace := s.is(t, "or")
		if replace {
			if !s.is(s.next(), "replace") {
				return notOurs
			}
			t = s.next()
		}
		return s.aaduser(t, createUser, replaceOne, replace)
	case s.is(first, "alter"):
		return s.aaduser(s.next(), alterOne, alterOne, false)
	case s.is(first, "drop"):
		return s.aaduser(s.next(), dropOne, dropOne, false)
	case s.is(first, "set"):
		return headOfSet(s)
	}
	return notOurs
}

func (s *scanner) aaduser(t token, plain, other verb, isOther bool) verb {
	switch {
	case !s.is(t, "aaduser"):
		return notOurs
	case isOther:
		return other
	}
	return plain
}

func headOfSet(s *scanner) verb {
	v, t := setValidate, s.next()
	if s.isMark(t, '@') {
		if !s.isMark(s.next(), '@') {
			return notOurs
		}
		t = s.next()
		if scope, ok := s.scope(t); ok {
			v = scope
			if !s.isMark(s.next(), '.') {
				return notOurs
			}
			t = s.next()
		}
	} else if scope, ok := s.scope(t); ok {
		v, t = scope, s.next()
	}
	if !s.isName(t, validateVariable) {
		return notOurs
	}
	return v
}

func (s *scanner) scope(t token) (verb, bool) {
	for _, word := range [...]string{"session", "local"} {
		if s.is(t, word) {
			return setValidate, true
		}
	}
	for _, word := range [...]string{"global", "persist", "persist_only"} {
		if s.is(t, word) {
			return setGlobal, true
		}
	}
	return notOurs, false
}

// Parse reads the first statement of sql if it is one of ours: CREATE AADUSER, or SET
// of aad_auth_validate_oids_in_tenant. ok is false, and cheaply so, when it is not.
// rest is the text after the statement's semicolon, "" when no other statement follows.
// err (Invalid, with a MySQL error number, see Error) means that the statement is ours
// and cannot be run as written.
func Parse(sql string, opts Options) (st Statement, rest string, ok bool, err error) {
	s := newScanner([]byte(sql[:min(len(sql), MaxStatement)]), opts)
	s.cut = len(sql) > MaxStatement
	p := parser{scanner: s}
	switch head(&p.scanner) {
	case notOurs:
		return nil, "", false, nil
	case createUser:
		st, err = p.createUser()
	case setValidate:
		st, err = p.setValidate()
	case setGlobal:
		err = refuse(mysqlerr.GlobalVariable, midas.Invalid, "variable '%s' is a session variable and can't be used with SET GLOBAL", validateVariable).
			WithHint("write SET %s = OFF; in the session that runs CREATE AADUSER", validateVariable)
	case replaceOne:
		err = p.bad("OR REPLACE is not known for AADUSER", "DROP USER first, then CREATE AADUSER")
	case alterOne:
		err = p.bad("there is no ALTER AADUSER", "ALTER USER changes options; to map a name to another identity, DROP USER and CREATE AADUSER again")
	case dropOne:
		err = p.bad("there is no DROP AADUSER", "write DROP USER")
	}
	if err != nil {
		return nil, "", true, err
	}
	return st, afterwards(sql[p.pos:]), true, nil
}

// afterwards returns rest, or "" when it holds no statement.
func afterwards(rest string) string {
	s := newScanner([]byte(rest[:min(len(rest), MaxStatement)]), Options{})
	if len(rest) <= MaxStatement && s.next().kind == tokenEnd {
		return ""
	}
	return rest
}
