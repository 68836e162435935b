package main

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

// outputFormats are the values of --output. The formats are az's, down to what a
// script would notice: names in alphabetical order, nothing at all for null.
// Source: the output module of knack, the framework that az is built on.
var outputFormats = []string{"json", "jsonc", "tsv", "table", "yaml", "yamlc", "none"}

// outputFormat checks a value of --output, in any case.
func outputFormat(name string) (string, error) {
	name = strings.ToLower(name)
	if !slices.Contains(outputFormats, name) {
		return "", usage.Errorf("--output %q is not a format", name).
			WithHint("formats: %s", strings.Join(outputFormats, ", "))
	}
	return name, nil
}

// print writes an answer in the format asked for, after --query. The answer is made
// of what encoding/json decodes to, or of structs that encode to it.
func (c *cli) print(answer any) error {
	answer, err := plain(answer)
	if err != nil {
		return err
	}
	selection := c.selection
	if selection == nil && c.columns != "" && c.output == "table" {
		if selection, err = compileQuery(c.columns); err != nil {
			return midas.Errorf(midas.Internal, "columns %q: %w", c.columns, err)
		}
	}
	var orders [][]string
	if selection != nil {
		if answer, err = selection.search(answer); err != nil {
			return err
		}
		orders = hashOrders(selection.text)
	}
	if answer == nil || c.output == "none" {
		return nil
	}
	text, err := format(c.output, answer, orders, colourful(c.stdout))
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.stdout, text)
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
	return terminal(w) && os.Getenv("NO_COLOR") == ""
}

// terminal reports whether a stream of the process is a terminal.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
