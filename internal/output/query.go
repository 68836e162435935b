package output

import (
	"errors"
	"fmt"

	"github.com/jmespath-community/go-jmespath/pkg/functions"
	"github.com/jmespath-community/go-jmespath/pkg/interpreter"
	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/midas-mysql/midas"
)

// What one query may cost. A query doubles a list with eleven characters, and pads a text to
// any length; legitimate ones make less than they are given.
const (
	maxQuery      = 16 << 10 // bytes of its text
	maxQueryMade  = 8 << 20  // elements of lists and objects, and pieces of 16 bytes of texts, that it makes
	maxQuerySteps = 8 << 20  // elements that it looks at
)

// errCostly ends a query that would take more.
var errCostly = errors.New("it needs too much memory or time for this answer")

// query is a JMESPath expression whose evaluation counts what it costs: each place where it
// makes something, or goes round, is a call of the function meter besides.
type query struct {
	text string
	root parsing.ASTNode
}

// compileQuery reads the text of a query.
func compileQuery(text string) (*query, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), maxQuery)
	}
	root, err := parsing.NewParser().Parse(text)
	if err != nil {
		return nil, err
	}
	return &query{text, metered(root)}, nil
}

// The functions that metered adds. A query cannot spell their names.
const (
	meterMade    = "\x00made"    // what is its value holds was made just now
	meterFlatten = "\x00flatten" // the lists in its value will be put into one
	meterWhole   = "\x00whole"   // all of its value will be looked at
)

// metered returns a query with the calls that count.
func metered(node parsing.ASTNode) parsing.ASTNode {
	children := make([]parsing.ASTNode, len(node.Children))
	for i, child := range node.Children {
		children[i] = metered(child)
	}
	node.Children = children
	count := func(meter string, at ...int) {
		for _, i := range at {
			node.Children[i] = call(meter, node.Children[i])
		}
	}
	switch node.NodeType {
	case parsing.ASTProjection, parsing.ASTValueProjection:
		count(meterMade, 1)
	case parsing.ASTFilterProjection:
		count(meterMade, 1, 2)
	case parsing.ASTFlatten:
		count(meterFlatten, 0)
	case parsing.ASTComparator:
		count(meterWhole, 0, 1)
	case parsing.ASTExpRef:
		count(meterMade, 0)
	case parsing.ASTMultiSelectHash, parsing.ASTMultiSelectList:
	default:
		return node
	}
	if node.NodeType == parsing.ASTComparator || node.NodeType == parsing.ASTExpRef {
		return node
	}
	return call(meterMade, node)
}

func call(meter string, node parsing.ASTNode) parsing.ASTNode {
	return parsing.ASTNode{NodeType: parsing.ASTFunctionExpression, Value: meter, Children: []parsing.ASTNode{node}}
}

// library calls the functions of the language.
var library = interpreter.NewFunctionCaller(functions.GetDefaultFunctions()...)

// search evaluates the query. An answer that is too large, or too deep to be written, is an
// error as well.
func (q *query) search(answer any) (found any, err error) { return q.evaluate(&meter{}, answer) }

func (q *query) evaluate(m *meter, answer any) (found any, err error) {
	defer func() {
		// Some functions of the library compare what cannot be, or cut beyond the end.
		if r := recover(); r != nil {
			found, err = nil, fmt.Errorf("its functions do not go with this answer: %v", r)
		}
		if m.over {
			found, err = nil, errCostly
		}
		if err != nil {
			err = midas.Errorf(midas.Invalid, "--query %q: %w", q.text, err)
		}
	}()
	if found, err = interpreter.NewInterpreter(answer, m, nil).Execute(q.root, answer); err == nil {
		err = (&meter{}).write(found, 0)
	}
	return found, err
}
