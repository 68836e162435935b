package graph

import (
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/guid"
)

// Limits of a $filter. A request line is at most a few kilobytes anyway.
const (
	maxFilter      = 8 << 10 // bytes
	maxFilterDepth = 20
	maxFilterTerms = 100
)

// parseFilter reads a $filter of the subset of OData that Graph's directory has:
// comparisons eq, ne, in, startswith and any with eq, joined by and, or, not and
// parentheses.
// Source: OData 4.01 URL Conventions, section 5.1.1; Microsoft Learn, "Use the $filter
// query parameter".
func parseFilter(text string) (directory.Condition, error) {
	if len(text) > maxFilter || !utf8.ValidString(text) {
		return directory.Condition{}, errBad("Invalid filter clause.")
	}
	p := &filterParser{rest: text, whole: text}
	c, err := p.or(0)
	if err == nil && p.token() != "" {
		err = p.fail()
	}
	if err != nil {
		return directory.Condition{}, err
	}
	return c, nil
}

// filterParser reads from left to right; each method takes what it is named after.
type filterParser struct {
	whole, rest string
	terms       int
}

func (p *filterParser) fail() error {
	return errBad("Invalid filter clause: Syntax error at position %d.", len(p.whole)-len(strings.TrimLeft(p.rest, " \t")))
}

// token returns what comes next without taking it: a word, a quoted text with its
// quotes, one sign, or "" at the end.
func (p *filterParser) token() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	if p.rest == "" {
		return ""
	}
	if p.rest[0] == '\'' {
		for i := 1; i < len(p.rest); i++ {
			if p.rest[i] != '\'' {
				continue
			}
			if i+1 < len(p.rest) && p.rest[i+1] == '\'' {
				i++ // a doubled quote stands for one
				continue
			}
			return p.rest[:i+1]
		}
		return "'" // it does not end
	}
	n := strings.IndexFunc(p.rest, func(c rune) bool { return !wordRune(c) })
	switch n {
	case 0:
		_, size := utf8.DecodeRuneInString(p.rest)
		return p.rest[:size]
	case -1:
		return p.rest
	}
	return p.rest[:n]
}

func wordRune(c rune) bool {
	return c == '_' || c == '-' || c == '.' || c == '/' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (p *filterParser) take(token string) { p.rest = p.rest[len(token):] }

// word takes one of the words, in any case, and returns it in lower case, or "".
func (p *filterParser) word(words ...string) string {
	next := p.token()
	for _, w := range words {
		if strings.EqualFold(next, w) {
			p.take(next)
			return w
		}
	}
	return ""
}

func (p *filterParser) or(depth int) (directory.Condition, error) {
	return p.join("or", directory.OpOr, func() (directory.Condition, error) {
		return p.join("and", directory.OpAnd, func() (directory.Condition, error) { return p.not(depth) })
	})
}

func (p *filterParser) join(word string, op directory.Op, one func() (directory.Condition, error)) (directory.Condition, error) {
	first, err := one()
	if err != nil {
		return first, err
	}
	all := []directory.Condition{first}
	for p.word(word) != "" {
		next, err := one()
		if err != nil {
			return next, err
		}
		all = append(all, next)
	}
	if len(all) == 1 {
		return first, nil
	}
	return directory.Condition{Op: op, Of: all}, nil
}

func (p *filterParser) not(depth int) (directory.Condition, error) {
	if depth > maxFilterDepth {
		return directory.Condition{}, errBad("The filter is nested too deeply.")
	}
	if p.word("not") != "" {
		inner, err := p.not(depth + 1)
		return negated(inner), err
	}
	if p.word("(") == "" {
		return p.term()
	}
	inner, err := p.or(depth + 1)
	if err == nil && p.word(")") == "" {
		err = p.fail()
	}
	return inner, err
}

func negated(c directory.Condition) directory.Condition {
	return directory.Condition{Op: directory.OpNot, Of: []directory.Condition{c}}
}

// term is one comparison.
func (p *filterParser) term() (directory.Condition, error) {
	if p.terms++; p.terms > maxFilterTerms {
		return directory.Condition{}, errBad("The filter has too many terms.")
	}
	name := p.token()
	if name == "" || name[0] == '\'' || !wordRune(rune(name[0])) {
		return directory.Condition{}, p.fail()
	}
	p.take(name)
	switch property, isAny := cutAny(name); {
	case strings.EqualFold(name, "startswith"):
		return p.startsWith()
	case isAny:
		return p.any(property)
	case strings.Contains(name, "/") || !strings.ContainsAny(name[:1], letters):
		return directory.Condition{}, p.fail()
	}
	switch p.word("eq", "ne", "in") {
	case "eq":
		value, err := p.literal()
		return directory.Condition{Op: directory.OpEqual, Property: name, Value: value}, err
	case "ne":
		value, err := p.literal()
		return negated(directory.Condition{Op: directory.OpEqual, Property: name, Value: value}), err
	case "in":
		return p.in(name)
	}
	return directory.Condition{}, p.fail()
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// cutAny takes names/any apart.
func cutAny(name string) (property string, ok bool) {
	property, function, ok := strings.Cut(name, "/")
	return property, ok && property != "" && strings.EqualFold(function, "any")
}

// startsWith is (property,'text'), the function's name being taken.
func (p *filterParser) startsWith() (directory.Condition, error) {
	c := directory.Condition{Op: directory.OpPrefix}
	if p.word("(") == "" {
		return c, p.fail()
	}
	name := p.token()
	if name == "" || !strings.ContainsAny(name[:1], letters) || strings.Contains(name, "/") {
		return c, p.fail()
	}
	p.take(name)
	c.Property = name
	if p.word(",") == "" {
		return c, p.fail()
	}
	value, err := p.literal()
	if err != nil {
		return c, err
	}
	text, ok := value.(string)
	if !ok || p.word(")") == "" {
		return c, p.fail()
	}
	c.Value = text
	return c, nil
}

// any is (x:x eq 'text'), the property and the word being taken.
func (p *filterParser) any(property string) (directory.Condition, error) {
	c := directory.Condition{Op: directory.OpAny, Property: property}
	if p.word("(") == "" {
		return c, p.fail()
	}
	variable := p.token()
	if variable == "" || !strings.ContainsAny(variable[:1], letters) {
		return c, p.fail()
	}
	p.take(variable)
	if p.word(":") == "" || p.token() != variable {
		return c, p.fail()
	}
	p.take(variable)
	if p.word("eq") == "" {
		return c, p.fail()
	}
	value, err := p.literal()
	if err != nil {
		return c, err
	}
	if p.word(")") == "" {
		return c, p.fail()
	}
	c.Value = value
	return c, nil
}

// in is ('a','b'), the word being taken.
func (p *filterParser) in(property string) (directory.Condition, error) {
	c := directory.Condition{Op: directory.OpOr}
	if p.word("(") == "" {
		return c, p.fail()
	}
	for {
		value, err := p.literal()
		if err != nil {
			return c, err
		}
		if p.terms++; p.terms > maxFilterTerms {
			return c, errBad("The filter has too many terms.")
		}
		c.Of = append(c.Of, directory.Condition{Op: directory.OpEqual, Property: property, Value: value})
		if p.word(",") != "" {
			continue
		}
		if p.word(")") == "" {
			return c, p.fail()
		}
		return c, nil
	}
}

// literal is a quoted text, true, false or null. Graph takes a GUID without quotes for
// text too.
func (p *filterParser) literal() (any, error) {
	next := p.token()
	switch {
	case len(next) > 1 && next[0] == '\'':
		p.take(next)
		return strings.ReplaceAll(next[1:len(next)-1], "''", "'"), nil
	case p.word("true") != "":
		return true, nil
	case p.word("false") != "":
		return false, nil
	case p.word("null") != "":
		return nil, nil
	case guid.Valid(next):
		p.take(next)
		return next, nil
	}
	return nil, p.fail()
}
