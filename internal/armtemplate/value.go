package armtemplate

import (
	"fmt"
	"strings"
)

// The values of one deployment are bounded together: a small template that names its
// variables often enough would else grow without end.
const (
	maxValueBytes = 4 << 20
	maxValueNodes = 100_000
)

// Value returns v with the expressions within it evaluated.
func (e *Evaluation) Value(v any) (any, error) { return e.value(v, 0) }

func (e *Evaluation) value(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the template nests too deep")
	}
	if e.nodes++; e.nodes > maxValueNodes {
		return nil, ErrTooMuch
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

// text evaluates v, which must come to a text.
func (e *Evaluation) text(v any) (string, error) {
	out, err := e.value(v, 0)
	text, ok := out.(string)
	if err == nil && !ok {
		err = fmt.Errorf("'%v' is not a text", v)
	}
	return text, err
}

// spend counts a value, with all that is in it, against the bounds of the deployment.
func (e *Evaluation) spend(v any) error {
	if e.nodes++; e.nodes > maxValueNodes {
		return ErrTooMuch
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

func (e *Evaluation) spendText(text string) error {
	if e.bytes += len(text); e.bytes > maxValueBytes {
		return ErrTooMuch
	}
	return nil
}

// ErrTooMuch is returned where the values of one deployment exceed the bounds.
var ErrTooMuch = fmt.Errorf("the values of the template come to more than %d MiB or %d parts", maxValueBytes>>20, maxValueNodes)
