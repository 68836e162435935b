package arm

import (
	"fmt"
	"strings"
)

// What the values of one deployment may come to, together: a template that is small, and
// names its variables often enough, is as large as it likes.
const (
	maxValueBytes = 4 << 20
	maxValueNodes = 100_000
)

// value returns v with the expressions within it evaluated.
func (e *evaluation) value(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the template nests too deep")
	}
	if e.nodes++; e.nodes > maxValueNodes {
		return nil, errTooMuch
	}
	switch v := v.(type) {
	case string:
		if err := e.spendText(v); err != nil {
			return nil, err
		}
		inner, ok := isExpression(v)
		if !ok {
			return strings.Replace(v, "[[", "[", 1), nil
		}
		parsed, err := parseExpression(inner)
		if err != nil {
			return nil, err
		}
		return e.evaluate(parsed)
	case object:
		out := make(object, len(v))
		for name, member := range v {
			if err := e.spendText(name); err != nil {
				return nil, err
			}
			inner, err := e.value(member, depth+1)
			if err != nil {
				return nil, err
			}
			out[name] = inner
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, member := range v {
			inner, err := e.value(member, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, inner)
		}
		return out, nil
	}
	return v, nil
}

// text is value for what must be one.
func (e *evaluation) text(v any) (string, error) {
	out, err := e.value(v, 0)
	text, ok := out.(string)
	if err == nil && !ok {
		err = fmt.Errorf("'%v' is not a text", v)
	}
	return text, err
}

// spend charges the deployment for a value with all that is in it.
func (e *evaluation) spend(v any) error {
	if e.nodes++; e.nodes > maxValueNodes {
		return errTooMuch
	}
	switch v := v.(type) {
	case string:
		return e.spendText(v)
	case object:
		for name, member := range v {
			if err := e.spendText(name); err != nil {
				return err
			}
			if err := e.spend(member); err != nil {
				return err
			}
		}
	case []any:
		for _, member := range v {
			if err := e.spend(member); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) spendText(text string) error {
	if e.bytes += len(text); e.bytes > maxValueBytes {
		return errTooMuch
	}
	return nil
}

var errTooMuch = fmt.Errorf("the values of the template come to more than %d MiB or %d parts", maxValueBytes>>20, maxValueNodes)
