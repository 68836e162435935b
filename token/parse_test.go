package token_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestNestedClaims: what issuers nest is read, and what only costs a decoder its stack is
// refused before it gets there.
func TestNestedClaims(t *testing.T) {
	w := newWorld(t)
	v := w.verifier(t)
	claims := func(nested string) map[string]json.RawMessage {
		text, err := json.Marshal(w.claims())
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		all["x"] = json.RawMessage(nested)
		return all
	}
	for nested, ok := range map[string]bool{
		`{"account":{"roles":["manage-account","[[[[[[[[[[[[[[[[[[[["]}}`:   true,
		`{"src1":{"endpoint":"https://graph.windows.net/{[\"[[[[[[[[[[["}}`: true,
		strings.Repeat("[", 15) + strings.Repeat("]", 15):                   true,
		strings.Repeat("[", 16) + strings.Repeat("]", 16):                   false,
		strings.Repeat(`{"":`, 9000) + "1" + strings.Repeat("}", 9000):      false,
		`["\\",` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `]`:  false,
	} {
		raw := w.forge(t, rs256(), claims(nested))
		if _, err := v.Verify(t.Context(), raw); (err == nil) != ok {
			t.Errorf("%.60s: %v", nested, err)
		}
	}
}
