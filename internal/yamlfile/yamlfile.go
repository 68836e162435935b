// Package yamlfile reads YAML into structs whose fields have a tag yaml, and says of what is wrong
// which line and which field it is in.
//
// It knows the form alone, and never what the values mean.
package yamlfile

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Decoded remembers where each field stood.
type Decoded struct {
	at map[string]*yaml.Node // by field: servers[0].backend
}

// Error is about one field of a file.
type Error struct {
	Line  int
	Field string
	What  string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s %s", e.Line, e.Field, e.What) }

// Decode reads a node into the value that a pointer leads to: structs, pointers to them, slices and
// texts. field is what errors call the node. A field that is not known is an error, so is one
// that is there twice, and a text has to stand there as one: a number that is written for a name
// would be another one.
func Decode(node *yaml.Node, field string, into any) (*Decoded, error) {
	d := &Decoded{at: map[string]*yaml.Node{}}
	return d, d.read(node, field, reflect.ValueOf(into).Elem())
}

// Wrong is an error about a field that was read. missing is what it lacks, ".name", or "".
func (d *Decoded) Wrong(field, missing, format string, args ...any) error {
	return &Error{Line: d.at[field].Line, Field: field + missing, What: fmt.Sprintf(format, args...)}
}

func (d *Decoded) read(node *yaml.Node, field string, into reflect.Value) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	d.at[field] = node
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return d.read(node, field, into.Elem())
	case reflect.Slice:
		return d.list(node, field, into)
	case reflect.Struct:
		return d.mapping(node, field, into)
	}
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" || node.Value == "" {
		return d.Wrong(field, "", "is a text")
	}
	into.SetString(node.Value)
	return nil
}

func (d *Decoded) list(node *yaml.Node, field string, into reflect.Value) error {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return d.Wrong(field, "", "is a list, and not an empty one")
	}
	for i, one := range node.Content {
		into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
		if err := d.read(one, fmt.Sprintf("%s[%d]", field, i), into.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoded) mapping(node *yaml.Node, field string, into reflect.Value) error {
	if node.Kind != yaml.MappingNode {
		return d.Wrong(field, "", "is a mapping")
	}
	known := map[string]reflect.Value{}
	for i := range into.NumField() {
		known[into.Type().Field(i).Tag.Get("yaml")] = into.Field(i)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		name := field + "." + key.Value
		_, twice := d.at[name]
		d.at[name] = key
		value, ok := known[key.Value]
		switch {
		case !ok || key.Value == "":
			return d.Wrong(name, "", "is not known")
		case twice:
			return d.Wrong(name, "", "is there twice")
		}
		if err := d.read(node.Content[i+1], name, value); err != nil {
			return err
		}
	}
	return nil
}
