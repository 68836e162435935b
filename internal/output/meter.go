package output

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jmespath-community/go-jmespath/pkg/functions"

	"github.com/midas-mysql/midas/internal/rest"
)

// meter calls functions for a query, and counts. Once a limit is passed, every further call
// fails: some parts of the language take an error for null and go on.
type meter struct {
	made, steps int64
	over        bool
}

// CallFunction implements interpreter.FunctionCaller.
func (m *meter) CallFunction(name string, arguments []any) (any, error) {
	switch name {
	case meterMade:
		return arguments[0], m.make(arguments[0])
	case meterFlatten:
		return arguments[0], m.flatten(arguments[0])
	case meterWhole:
		return arguments[0], m.look(arguments[0])
	}
	// A wrong argument is written out in the error, whole.
	for _, argument := range arguments {
		if err := m.look(argument); err != nil {
			return nil, err
		}
	}
	if err := m.add(growth(name, arguments), 0); err != nil {
		return nil, err
	}
	result, err := library.CallFunction(name, arguments)
	if err != nil {
		return nil, err
	}
	return result, m.make(result)
}

func (m *meter) add(made, steps int64) error {
	// Each is below the limit, or far below what an int holds.
	m.made, m.steps = min(m.made+made, 2*maxQueryMade), min(m.steps+steps, 2*maxQuerySteps)
	if m.over = m.over || m.made > maxQueryMade || m.steps > maxQuerySteps; m.over {
		return errCostly
	}
	return nil
}

// make counts a value of which the outermost part is new.
func (m *meter) make(value any) error {
	switch value := value.(type) {
	case []any:
		return m.add(1+int64(len(value)), 1)
	case map[string]any:
		return m.add(1+4*int64(len(value)), 1) // the table of an object has more than its values
	case string:
		return m.add(pieces(len(value)), 1)
	}
	return m.add(0, 1)
}

// flatten counts a list before the lists in it become one.
func (m *meter) flatten(value any) error {
	outer, _ := value.([]any)
	for _, element := range outer {
		inner, _ := element.([]any)
		if err := m.add(1+int64(len(inner)), 1); err != nil {
			return err
		}
	}
	return nil
}

// look counts all of a value: what is there twice is looked at, and written, twice.
func (m *meter) look(value any) error {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if err := m.look(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, element := range value {
			if err := m.add(0, pieces(len(name))); err != nil {
				return err
			}
			if err := m.look(element); err != nil {
				return err
			}
		}
	case string:
		return m.add(0, pieces(len(value)))
	}
	return m.add(0, 1)
}

// write counts what a value is as text, with the indentation of its lines.
func (m *meter) write(value any, depth int) error {
	if depth > 2*rest.MaxNesting {
		return fmt.Errorf("its answer is nested deeper than %d", 2*rest.MaxNesting)
	}
	if err := m.add(1+int64(depth)/8, 0); err != nil {
		return err
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if err := m.write(element, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, element := range value {
			if err := errors.Join(m.add(pieces(len(name)), 0), m.write(element, depth+1)); err != nil {
				return err
			}
		}
	case string:
		return m.add(pieces(len(value)), 0)
	case functions.ExpRef:
		return errors.New("its answer is an expression (&…), which only functions take")
	}
	return nil
}

// pieces is what a text of n bytes counts as.
func pieces(n int) int64 { return 1 + int64(n)/16 }

// growth is more than what a function makes beyond what its arguments hold.
func growth(name string, arguments []any) int64 {
	text := func(i int) string {
		if i >= len(arguments) {
			return ""
		}
		s, _ := arguments[i].(string)
		return s
	}
	switch {
	case (name == "pad_left" || name == "pad_right") && len(arguments) > 1:
		width, _ := arguments[1].(float64)
		return 2 * pieces(int(min(max(width, 0), 16*maxQueryMade))) // with a copy
	case name == "join" && len(arguments) > 1:
		list, _ := arguments[1].([]any)
		made := pieces(len(text(0))) * int64(len(list))
		for _, element := range list {
			s, _ := element.(string)
			made += pieces(len(s)) + 1
		}
		return made
	case name == "replace":
		found := int64(strings.Count(text(0), text(1)))
		return pieces(len(text(0))) + found*pieces(len(text(2)))
	case name == "split":
		return 2 * int64(len(text(0))) // a text and an element for each letter
	case name == "to_string":
		all := &meter{}
		for _, argument := range arguments {
			_ = all.look(argument)
		}
		return 6 * all.steps // of a text that is all escapes
	}
	return 0
}
