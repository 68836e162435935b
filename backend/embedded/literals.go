//go:build gms_pure_go

package embedded

import (
	"slices"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// asMySQLReads changes a text so that the engine reads in it what MySQL does. The engine
// drops the backslash of \% and \_, so that a pattern that a program has escaped matches
// everything; and it takes all after -- and // for comments.
// Source: MySQL manual, "String Literals" and "Comments".
func asMySQLReads(query string, ansiQuotes bool) (string, error) {
	if !hasPatternEscape(query) && !strings.Contains(query, "--") && !strings.Contains(query, "//") {
		return query, nil
	}
	var out strings.Builder
	for rest := query; rest != ""; {
		n := 1
		switch c := rest[0]; {
		case c == '`' || c == '"' && ansiQuotes:
			n = through(rest, 1, string(c))
		case c == '\'' || c == '"':
			var literal string
			literal, n = literalAsMySQLReads(rest)
			out.WriteString(literal)
			rest = rest[n:]
			continue
		case strings.HasPrefix(rest, "--") && len(rest) > 2 && rest[2] > ' ':
			return "", refuse("two minus signs without a space after them, which it takes for a comment")
		case c == '#' || strings.HasPrefix(rest, "--"):
			n = through(rest, 1, "\n")
		case strings.HasPrefix(rest, "//"):
			return "", sqlError(mysql.ERParseError, "You have an error in your SQL syntax near '%.80s'", rest)
		case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*!") && !strings.HasPrefix(rest, "/*M!"):
			n = through(rest, 2, "*/")
		}
		out.WriteString(rest[:n])
		rest = rest[n:]
	}
	return out.String(), nil
}

func hasPatternEscape(text string) bool {
	return strings.Contains(text, `\%`) || strings.Contains(text, `\_`)
}

// through is how long a text is up to and with the next end, from an offset on.
func through(text string, from int, end string) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

// literalAsMySQLReads doubles backslashes in the literal that a text begins with. Two
// quotes within one are to it two literals side by side, which comes to the same.
func literalAsMySQLReads(text string) (literal string, length int) {
	var out strings.Builder
	out.WriteByte(text[0])
	for i := 1; i < len(text); i++ {
		c := text[i]
		out.WriteByte(c)
		switch {
		case c == text[0]:
			return out.String(), i + 1
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == '%' || text[i] == '_' {
				out.WriteByte('\\')
			}
			out.WriteByte(text[i])
		}
	}
	return out.String(), len(text)
}

// vetPrepare is asMySQLReads for SQL's PREPARE.
func (s *session) vetPrepare(n *ast.Prepare) error {
	ec, err := s.engineContext(s.ctx)
	if err != nil {
		return err
	}
	ansiQuotes := sql.LoadSqlMode(ec).AnsiQuotes()
	variable, ok := strings.CutPrefix(n.Expr, "@")
	if !ok {
		n.Expr, err = asMySQLReads(n.Expr, ansiQuotes)
		return err
	}
	_, value, err := ec.GetUserVariable(ec, strings.ToLower(variable))
	if text, ok := value.(string); ok && err == nil {
		changed, err := asMySQLReads(text, ansiQuotes)
		if err == nil && changed != text {
			err = refuse(`PREPARE from a variable with \%% or \_ in it`)
		}
		return err
	}
	return nil // the engine refuses it
}

// mayRead refuses settings with which the engine would read a program's text as other
// statements than the program wrote.
func mayRead(ctx *sql.Context, variable *expression.SystemVar, to sql.Expression) error {
	name := strings.ToLower(variable.Name)
	if name != "sql_mode" && !slices.Contains(charsetVariables, name) {
		return nil
	}
	value, err := to.Eval(ctx, nil)
	if err != nil {
		return err
	}
	text, isText := value.(string)
	if name != "sql_mode" {
		return mayUse(text)
	}
	if set, ok := variable.Type().(sql.SetType); ok && !isText {
		bits, _, err := set.Convert(ctx, value)
		if err != nil {
			return err
		}
		if text, err = set.BitsToString(bits.(uint64)); err != nil {
			return err
		}
	}
	if strings.Contains(strings.ToUpper(text), sql.NoBackslashEscapes) {
		return refuse("SQL mode NO_BACKSLASH_ESCAPES")
	}
	return nil
}
