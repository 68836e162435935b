package rest_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/rest"
)

// nested is an array of arrays, n deep.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestCheckNesting(t *testing.T) {
	for text, fine := range map[string]bool{
		"":                                    true,
		nested(rest.MaxNesting):               true,
		nested(rest.MaxNesting + 1):           false,
		"[" + strings.Repeat("[],", 99) + "]": true,
		`{"a":"` + nested(99) + `"}`:          true,
		`{"a":"\"` + nested(99) + `"}`:        true,
		`{"a":"\\",` + nested(99) + `}`:       false,
		strings.Repeat(`{"a":`, 65):           false,
		`"`:                                   true,
		`"\`:                                  true,
	} {
		if err := rest.CheckNesting([]byte(text)); fine != (err == nil) {
			t.Errorf("%.100s: %v", text, err)
		}
	}
}

// Of JSON that a decoder takes, no nesting is overlooked.
func FuzzCheckNesting(f *testing.F) {
	f.Add([]byte(nested(65)))
	f.Add([]byte(`{"\\\"[": [{"]": "["}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			_ = rest.CheckNesting(text)
			return
		}
		depth, deepest := 0, 0
		for d := json.NewDecoder(bytes.NewReader(text)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('['), json.Delim('{'):
				depth++
				deepest = max(deepest, depth)
			case json.Delim(']'), json.Delim('}'):
				depth--
			}
		}
		if err := rest.CheckNesting(text); (err == nil) != (deepest <= rest.MaxNesting) {
			t.Errorf("%q is nested %d deep: %v", text, deepest, err)
		}
	})
}
