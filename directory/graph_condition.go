package directory

import (
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Op is what a Condition does.
type Op string

// The operations. The zero Op holds for every object.
const (
	OpAnd    Op = "and"        // all of Of
	OpOr     Op = "or"         // any of Of
	OpNot    Op = "not"        // not the one of Of
	OpEqual  Op = "eq"         // Property is Value
	OpPrefix Op = "startswith" // Property begins with Value
	OpAny    Op = "any"        // one of the values of Property is Value
)

// Condition chooses directory objects by their properties, under Graph's names. Text
// compares without regard to case.
type Condition struct {
	Op       Op
	Property string
	Value    any // string, bool, or nil for a property that is not set
	Of       []Condition
}

// property says how a property is compared. Its expressions are ours; what a client
// sends only ever becomes an argument.
type property struct {
	expr   string // SQL; of text that holds no upper case, or with a collation that ignores it
	truth  bool   // the expression is 0 or 1
	any    string // for OpAny: SQL in which each ? stands for the value
	prefix bool   // startswith can use an index
}

// noCase ends an expression of text as it was given.
const noCase = " COLLATE NOCASE"

// maxDepth bounds how deep conditions nest.
const maxDepth = 32

// where writes a condition as SQL.
func (c Condition) where(columns map[string]property) (string, []any, error) {
	w := whereClause{columns: columns}
	if err := w.add(c, 0); err != nil {
		return "", nil, err
	}
	return w.text.String(), w.args, nil
}

type whereClause struct {
	columns map[string]property
	text    strings.Builder
	args    []any
}

func (w *whereClause) add(c Condition, depth int) error {
	if depth > maxDepth {
		return midas.Errorf(midas.Invalid, "The filter is nested too deeply.")
	}
	switch c.Op {
	case "":
		w.text.WriteString("1")
		return nil
	case OpAnd, OpOr:
		return w.join(c, depth)
	case OpNot:
		w.text.WriteString("NOT ")
		return w.join(c, depth)
	}
	known, ok := w.columns[strings.ToLower(c.Property)]
	if !ok || c.Op == OpAny && known.any == "" || c.Op != OpAny && known.expr == "" {
		return unsupported(c)
	}
	return w.compare(known, c)
}

func (w *whereClause) join(c Condition, depth int) error {
	if len(c.Of) == 0 || c.Op == OpNot && len(c.Of) != 1 {
		return midas.Errorf(midas.Invalid, "Invalid filter clause: '%s' has nothing to join.", c.Op)
	}
	w.text.WriteString("(")
	for i, inner := range c.Of {
		if i > 0 {
			w.text.WriteString(" " + strings.ToUpper(string(c.Op)) + " ")
		}
		if err := w.add(inner, depth+1); err != nil {
			return err
		}
	}
	w.text.WriteString(")")
	return nil
}

func (w *whereClause) compare(known property, c Condition) error {
	text, isText := c.Value.(string)
	truth, isTruth := c.Value.(bool)
	as := text
	text = fold(text)
	if strings.HasSuffix(known.expr, noCase) {
		text = as // folded here, it would differ from what SQLite leaves alone: all but ASCII
	}
	switch {
	case c.Op == OpAny && isText:
		w.term(known.any, slices.Repeat([]any{text}, strings.Count(known.any, "?"))...)
	case c.Op == OpEqual && known.truth && isTruth:
		w.term(known.expr+" = ?", truth)
	case c.Op == OpEqual && !known.truth && isText:
		w.term(known.expr+" = ?", text)
	case c.Op == OpEqual && !known.truth && c.Value == nil:
		w.term(known.expr + " = ''")
	case c.Op == OpPrefix && isText && known.prefix:
		w.term(known.expr+" >= ? AND "+known.expr+" < ?", text, text+"\U0010ffff")
	case c.Op == OpPrefix && isText && !known.truth:
		w.term("lower(substr("+known.expr+", 1, length(?))) = lower(?)", text, text)
	default:
		return unsupported(c)
	}
	return nil
}

func (w *whereClause) term(sql string, args ...any) {
	w.text.WriteString("(" + sql + ")")
	w.args = append(w.args, args...)
}

func unsupported(c Condition) error {
	return midas.Errorf(midas.Invalid, "Unsupported or invalid query filter clause specified for property '%s'.", clip.Text(c.Property))
}
