package account

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// Both servers are asked what quoted text says: a parser that reads it otherwise makes
// another account than the one that was written.
func TestQuotedTextIsReadAsServersDo(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		for _, mode := range []struct {
			name string
			opts Options
		}{
			{"", Options{}}, {"NO_BACKSLASH_ESCAPES", Options{NoBackslashEscapes: true}},
		} {
			db := w.pool("sql_mode='" + mode.name + "'")
			seed := rand.Uint64()
			t.Logf("mode %q, seed %d", mode.name, seed)
			dice := rand.New(rand.NewPCG(seed, 0))
			for _, literal := range literals(dice) {
				s := newScanner([]byte(literal), mode.opts)
				token := s.next()
				if token.kind != tokenText || token.end != len(literal) {
					continue // the servers would wait for more, or for less
				}
				var want string
				if err := db.QueryRowContext(t.Context(), "SELECT HEX("+literal+")").Scan(&want); err != nil {
					t.Errorf("%q: the server says %v", literal, err)
					continue
				}
				if got := strings.ToUpper(hex.EncodeToString([]byte(s.value(token)))); got != want {
					t.Errorf("mode %q: %q is %s, and the server says %s", mode.name, literal, got, want)
				}
			}
		}
	})
}

// literals are all escapes, and random text of the characters that make trouble.
func literals(dice *rand.Rand) []string {
	var out []string
	for _, quote := range []string{"'", `"`} {
		for c := byte(' '); c < 0x7f; c++ {
			if string(c) != quote {
				out = append(out, quote+`a\`+string(c)+"b"+quote)
			}
		}
		for range 100 {
			var b strings.Builder
			for range dice.IntN(12) {
				b.WriteString([]string{`\`, `\\`, `''`, `""`, `\'`, `\"`, "`", "é", "漢", "%", "_", "n", "0", " ", "\n", "--", "/*", ";"}[dice.IntN(18)])
			}
			out = append(out, quote+b.String()+quote)
		}
	}
	return out
}
