package account

import (
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

type parser struct {
	scanner
	placeholders []Field
}

// bad is the error for a statement that is ours and wrong.
func (p *parser) bad(what, hint string) error {
	e := refuse(mysqlerr.Parse, midas.Invalid, "%s", what)
	if hint != "" {
		e.WithHint("%s", hint)
	}
	return e
}

func (p *parser) unexpected(t token, wanted string) error {
	switch {
	case p.cut && (t.kind == tokenEnd || t.kind == tokenBroken):
		return refuse(mysqlerr.Parse, midas.Invalid, "the statement is longer than %d bytes", MaxStatement)
	case t.kind == tokenEnd:
		return p.bad("the statement ends where "+wanted+" should be", "")
	case t.kind == tokenBroken && t.end == len(p.text) && t.end > t.start+1:
		return p.bad("a quoted name has no closing quote", "")
	}
	return p.bad("expected "+wanted+" near '"+abridge(string(p.text[t.start:min(t.end, len(p.text))]))+"'", "")
}

// end accepts the end of the statement.
func (p *parser) end(t token) bool {
	return (t.kind == tokenEnd && !p.cut) || p.isMark(t, ';')
}

func (p *parser) createUser() (Statement, error) {
	c := CreateUser{Host: "%"}
	t := p.next()
	if p.is(t, "if") {
		if !p.is(p.next(), "not") || !p.is(p.next(), "exists") {
			return nil, p.bad("IF must be followed by NOT EXISTS", "")
		}
		c.IfNotExists = true
		t = p.next()
	}
	var err error
	if c.Name, err = p.operand(t, FieldName, true); err != nil {
		return nil, err
	}
	if t = p.next(); p.isMark(t, '@') {
		if c.Host, t, err = p.host(); err != nil {
			return nil, err
		}
	}
	switch {
	case p.is(t, "as"):
		if c.Alias, err = p.operand(p.next(), FieldAlias, true); err != nil {
			return nil, err
		}
		t = p.next()
	case p.is(t, "identified"):
		if c.ID, err = p.identifiedBy(); err != nil {
			return nil, err
		}
		t = p.next()
	}
	if !p.end(t) {
		return nil, p.trailing(t)
	}
	c.Placeholders = p.placeholders
	return c.checked()
}

func (p *parser) identifiedBy() (string, error) {
	t := p.next()
	if p.is(t, "with") || p.is(t, "via") {
		return "", p.bad("an AADUSER has no password plugin", "write IDENTIFIED BY '<client id>'")
	}
	if !p.is(t, "by") {
		return "", p.unexpected(t, "BY")
	}
	return p.operand(p.next(), FieldID, false)
}

// host reads a host after '@'. Unquoted ones may hold dots and dashes, which are no
// part of other words.
func (p *parser) host() (host string, after token, err error) {
	t := p.next()
	if t.kind != tokenWord {
		if host, err = p.operand(t, FieldHost, false); err != nil {
			return "", t, err
		}
		if host == "" && !slices.Contains(p.placeholders, FieldHost) {
			host = "%"
		}
		return host, p.next(), nil
	}
	for p.pos < len(p.text) && (isWord(p.text[p.pos]) || p.text[p.pos] == '.' || p.text[p.pos] == '-') {
		p.pos++
	}
	return string(p.text[t.start:p.pos]), p.next(), nil
}

// reserved words cannot be names without quotes; taking them would hide mistakes.
var reserved = []string{"as", "identified", "if", "not", "exists", "by"}

// operand reads one value: quoted text, a placeholder or, for names, a bare word.
func (p *parser) operand(t token, field Field, bare bool) (string, error) {
	switch {
	case p.isMark(t, '?'):
		p.placeholders = append(p.placeholders, field)
		return "", nil
	case t.kind == tokenText:
		value := p.value(t)
		if value == "" && field != FieldHost {
			return "", p.bad("the "+string(field)+" is empty", "")
		}
		return value, nil
	case t.kind == tokenWord && bare && !slices.ContainsFunc(reserved, func(w string) bool { return p.is(t, w) }):
		return string(p.text[t.start:t.end]), nil
	}
	return "", p.unexpected(t, "the "+string(field)+" in quotes")
}

// trailing explains what else stands in the statement.
func (p *parser) trailing(t token) error {
	switch {
	case p.isMark(t, ','):
		return p.bad("CREATE AADUSER makes one user", "write one statement for each")
	case p.is(t, "as"), p.is(t, "identified"):
		return p.bad("CREATE AADUSER takes AS or IDENTIFIED BY, once", "write CREATE AADUSER 'alias' IDENTIFIED BY '<client id>'; the alias signs in")
	case t.kind == tokenWord:
		return p.bad("CREATE AADUSER takes no option '"+abridge(string(p.text[t.start:t.end]))+"'", "create the user, then run ALTER USER with the option")
	}
	return p.unexpected(t, "the end of the statement")
}

func (p *parser) setValidate() (Statement, error) {
	if t := p.next(); !p.isMark(t, '=') {
		return nil, p.unexpected(t, "=")
	}
	t := p.next()
	var v SetValidate
	if p.isMark(t, '?') {
		v.Placeholders = []Field{FieldValue}
	} else {
		var text string
		switch t.kind {
		case tokenWord:
			text = string(p.text[t.start:t.end])
		case tokenText:
			text = p.value(t)
		default:
			return nil, p.unexpected(t, "ON or OFF")
		}
		on, ok := parseSwitch(text)
		if !ok {
			return nil, refuse(mysqlerr.WrongValueForVar, midas.Invalid,
				"variable '%s' can't be set to the value of '%s'", validateVariable, abridge(text))
		}
		v.On = on
	}
	if t = p.next(); p.isMark(t, ',') {
		return nil, p.bad("SET "+validateVariable+" stands alone", "write one SET statement for each variable")
	}
	if !p.end(t) {
		return nil, p.unexpected(t, "the end of the statement")
	}
	return v, nil
}
