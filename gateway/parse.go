package gateway

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// parseOurs reads a statement of ours as the session would. How it reads quotes depends on its
// sql_mode and character set, which the client may have changed since sign-in, and a client
// that quotes somebody's name rightly for its session must not be read otherwise here: a
// text that can be read in two ways is refused. A character set in which a backslash may
// be the end of a character makes bytes that are no UTF-8.
func parseOurs(sql string) (st account.Statement, rest string, ours bool, err error) {
	st, rest, ours, err = account.Parse(sql, account.Options{})
	if !ours && err == nil {
		return st, rest, ours, err
	}
	if text := sql[:len(sql)-len(rest)]; !utf8.ValidString(text) {
		return nil, "", true, answerf(mysqlerr.Parse, "a name that is not in UTF-8: send the statement in UTF-8 (SET NAMES utf8mb4)")
	} else if swallowsBackquote(text) {
		return nil, "", true, answerf(mysqlerr.Parse, "a name between backquotes that ends with a letter beyond ASCII reads differently in other character sets: write '…' in place of `…`")
	} else if !strings.Contains(text, `\`) {
		return st, rest, ours, err
	}
	for _, other := range []account.Options{{NoBackslashEscapes: true}, {AnsiQuotes: true}} {
		st2, rest2, _, err2 := account.Parse(sql, other)
		if (err == nil) != (err2 == nil) || rest != rest2 || !reflect.DeepEqual(st, st2) {
			return nil, "", true, answerf(mysqlerr.Parse, "what a backslash means depends on the session's sql_mode: write the statement without one, or send the name as the value of a placeholder (?)")
		}
	}
	return st, rest, ours, err
}

// swallowsBackquote tells whether a backquote follows a byte beyond ASCII: in GBK and its
// like it can be the second half of a character, and no quote.
func swallowsBackquote(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i] == '`' && text[i-1] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}
