package rest

import "fmt"

// MaxNesting is how deep arrays and objects of JSON may lie within each other. No request or
// answer of the APIs comes near it, and a decoder takes a step of its stack for each.
const MaxNesting = 64

// ErrNested: JSON is nested deeper than MaxNesting.
var ErrNested = fmt.Errorf("its JSON is nested deeper than %d", MaxNesting)

// CheckNesting returns ErrNested, or nil. It decodes nothing; JSON that is not well formed
// is left for the decoder to refuse.
func CheckNesting(text []byte) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			if depth++; depth > MaxNesting {
				return ErrNested
			}
		case ']', '}':
			depth--
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	return nil
}
