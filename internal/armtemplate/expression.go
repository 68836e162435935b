package armtemplate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// An expression of a template is one of: a literal (string or int), a function's call, a
// member of another expression.
// Source: Microsoft, "Syntax and expressions in ARM templates".
type (
	functionCall struct {
		name string
		args []any
	}
	memberOf struct{ of, member any }
)

// maxDepth is how deep expressions and values may nest, so that no template can exhaust the
// stack.
const maxDepth = 32

// isExpression tells whether a template's text is to be evaluated, and returns what is
// within its brackets. Text that begins with two of them begins with one.
func isExpression(text string) (inner string, ok bool) {
	if strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "[[") && strings.HasSuffix(text, "]") && len(text) >= 2 {
		return text[1 : len(text)-1], true
	}
	return text, false
}

// parseExpression parses what is within the brackets.
func parseExpression(text string) (any, error) {
	p := &expressionParser{text: text}
	e, err := p.expression(0)
	if err == nil {
		if p.blanks(); p.at < len(text) {
			err = p.wrong("something follows the expression")
		}
	}
	return e, err
}

type expressionParser struct {
	text string
	at   int
}

func (p *expressionParser) wrong(why string) error {
	return fmt.Errorf("the expression '%s' is not understood at position %d: %s", clip.To(p.text, 200), p.at, why)
}

func (p *expressionParser) blanks() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

// take takes the character c after blanks, if it is there.
func (p *expressionParser) take(c byte) bool {
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *expressionParser) expression(depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.wrong("it nests too deep")
	}
	e, err := p.primary(depth)
	for members := 0; err == nil; members++ {
		switch {
		case members > maxDepth:
			return nil, p.wrong("it nests too deep")
		case p.take('.'):
			name := p.word()
			if name == "" {
				return nil, p.wrong("a name should follow the dot")
			}
			e = memberOf{e, name}
		case p.take('['):
			var member any
			if member, err = p.expression(depth + 1); err != nil {
				return nil, err
			}
			if !p.take(']') {
				return nil, p.wrong("a ']' is missing")
			}
			e = memberOf{e, member}
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *expressionParser) primary(depth int) (any, error) {
	p.blanks()
	if p.at == len(p.text) {
		return nil, p.wrong("it ends early")
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		return p.quoted()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	name := p.word()
	if name == "" {
		return nil, p.wrong("neither a text, a number nor a function")
	}
	if !p.take('(') {
		return nil, p.wrong("a '(' is missing")
	}
	call := functionCall{name: name}
	if p.take(')') {
		return call, nil
	}
	for {
		arg, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		call.args = append(call.args, arg)
		if p.take(')') {
			return call, nil
		}
		if !p.take(',') {
			return nil, p.wrong("a ',' or ')' is missing")
		}
	}
}

// quoted is a text in single quotes, in which two of them are one.
func (p *expressionParser) quoted() (any, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at++; p.at == len(p.text) || p.text[p.at] != '\'' {
			return b.String(), nil
		}
		b.WriteByte('\'')
	}
	return nil, p.wrong("a quote is not closed")
}

func (p *expressionParser) number() (any, error) {
	begin := p.at
	for p.at++; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
	}
	n, err := strconv.ParseInt(p.text[begin:p.at], 10, 64)
	if err != nil {
		return nil, p.wrong("the number is none")
	}
	return n, nil
}

func (p *expressionParser) word() string {
	p.blanks()
	begin := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			break
		}
		p.at++
	}
	return p.text[begin:p.at]
}
