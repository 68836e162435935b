// Package output is what a person or a script sees of a command: answers in az's formats,
// after --query, errors in one line and questions before what cannot be undone.
//
// It owns the formats, the query language with its limits, and the escapes by which a foreign
// text never reaches a terminal as an order to it. It never fetches an answer, and knows no
// command.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
	"github.com/mattn/go-isatty"
	"go.yaml.in/yaml/v3"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// Formats are the values of --output. The formats are az's, down to what a
// script would notice: names in alphabetical order, nothing at all for null.
// Source: the output module of knack, the framework that az is built on.
var Formats = []string{"json", "jsonc", "tsv", "table", "yaml", "yamlc", "none"}

// outputFormat checks a value of --output, in any case.
func outputFormat(name string) (string, error) {
	name = strings.ToLower(name)
	if !slices.Contains(Formats, name) {
		return "", usage.Errorf("--output %q is not a format", name).
			WithHint("formats: %s", strings.Join(Formats, ", "))
	}
	return name, nil
}

// Terminal is the streams of the process, and how answers are written to them.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	Format   string // --output, one of Formats once Prepare has run
	Query    string // --query, "" for the whole answer
	// Columns is a query for the rows of a table, where az has one of its own.
	Columns string

	selection *query // Query, compiled
}

// Prepare checks Format and Query, so that a wrong one is refused before anything has been
// changed.
func (t *Terminal) Prepare() (err error) {
	if t.Format, err = outputFormat(t.Format); err != nil || t.Query == "" {
		return err
	}
	if t.selection, err = compileQuery(t.Query); err != nil {
		return usage.Errorf("--query %q: %v", t.Query, err).WithHint("the language is described at https://jmespath.site")
	}
	return nil
}

// Print writes an answer in the format asked for, after --query. The answer is made of what
// encoding/json decodes to, or of structs that encode to it.
func (t *Terminal) Print(answer any) error {
	answer, err := plain(answer)
	if err != nil {
		return err
	}
	selection := t.selection
	if selection == nil && t.Columns != "" && t.Format == "table" {
		if selection, err = compileQuery(t.Columns); err != nil {
			return midas.Errorf(midas.Internal, "columns %q: %w", t.Columns, err)
		}
	}
	var orders [][]string
	if selection != nil {
		if answer, err = selection.search(answer); err != nil {
			return err
		}
		orders = hashOrders(selection.text)
	}
	if answer == nil || t.Format == "none" {
		return nil
	}
	text, err := format(t.Format, answer, orders, colourful(t.Out))
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.Out, text)
	return err
}

// format writes one non-null answer. orders holds the key orders that a query chose:
// in rows they win over the alphabet.
func format(name string, answer any, orders [][]string, colour bool) (string, error) {
	switch name {
	case "json", "jsonc":
		text, err := encodeJSON(answer)
		if err == nil && name == "jsonc" && colour {
			text = paintJSON(text)
		}
		return text, err
	case "yaml", "yamlc":
		return encodeYAML(answer)
	case "tsv":
		return encodeTSV(answer, orders), nil
	case "table":
		return encodeTable(answer, orders)
	}
	return "", nil
}

// plain turns structs and typed maps into what encoding/json decodes to, which is all
// that queries and formats have to know.
func plain(answer any) (any, error) {
	raw, err := json.Marshal(answer)
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "encode answer: %w", err)
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

func encodeJSON(answer any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(answer)
	return printableJSON(b.String()), err
}

func encodeYAML(answer any) (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	var root yaml.Node
	err := root.Encode(answer)
	quoteUnprintable(&root)
	if err := errors.Join(err, e.Encode(&root), e.Close()); err != nil {
		return "", midas.Errorf(midas.Internal, "encode answer: %w", err)
	}
	return escaped(b.String(), func(r rune) string { return fmt.Sprintf(`\U%08x`, r) }), nil
}

// quoteUnprintable puts texts between double quotes where YAML's escapes are needed.
func quoteUnprintable(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && strings.ContainsFunc(node.Value, unprintable) && node.Style&yaml.LiteralStyle == 0 {
		node.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range node.Content {
		quoteUnprintable(child)
	}
}

// hashOrders returns the keys of each {name: value} of a query, as written.
func hashOrders(query string) [][]string {
	root, err := parsing.NewParser().Parse(query)
	if err != nil {
		return nil
	}
	var orders [][]string
	var walk func(parsing.ASTNode)
	walk = func(node parsing.ASTNode) {
		if node.NodeType == parsing.ASTMultiSelectHash {
			keys := make([]string, 0, len(node.Children))
			for _, pair := range node.Children {
				key, _ := pair.Value.(string)
				keys = append(keys, key)
			}
			orders = append(orders, keys)
		}
		for _, child := range node.Children {
			walk(child)
		}
	}
	walk(root)
	return orders
}

// keysOf returns the keys of an object in the order that a query gave them, or else
// in alphabetical order.
func keysOf(object map[string]any, orders [][]string) []string {
	for _, order := range orders {
		if len(order) == len(object) && !slices.ContainsFunc(order, func(key string) bool {
			_, has := object[key]
			return !has
		}) {
			return order
		}
	}
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// colourful reports whether w is a terminal whose user has not asked for no colour.
// Source: https://no-color.org
func colourful(w io.Writer) bool {
	return IsTerminal(w) && os.Getenv("NO_COLOR") == ""
}

// IsTerminal reports whether a stream of the process is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
