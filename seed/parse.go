package seed

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/midas-mysql/midas"
)

// Schema is the JSON Schema of the file, for editors that complete and check it.
//
//go:embed world.schema.json
var Schema []byte

// maxFile bounds what is read; a world of thousands of things has some 100 KiB.
const maxFile = 4 << 20

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, err
	}
	const name = "world.schema.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, err
	}
	return compiler.Compile(name)
})

// Parse reads a world; name is the file's, for errors. Errors are Invalid and name the
// line and the field.
func Parse(name string, text []byte) (*World, error) {
	if len(text) > maxFile {
		return nil, midas.Errorf(midas.Invalid, "%s: has %d bytes, more than %d", name, len(text), maxFile)
	}
	w := &World{file: name}
	plain, err := w.readYAML(text)
	if err != nil {
		return nil, err
	}
	if err := w.validate(plain); err != nil {
		return nil, err
	}
	if err := w.root.Decode(w); err != nil {
		return nil, w.unreadable(err)
	}
	if w.Location == "" {
		w.Location = "eastus"
	}
	return w, nil
}

// validate compares the document with the schema and reports the first difference, in
// the order of the file.
func (w *World) validate(plain any) error {
	schema, err := compiled()
	if err != nil {
		return midas.Errorf(midas.Internal, "the schema of worlds: %w", err)
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(plain); {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return midas.Errorf(midas.Invalid, "%s: %s", w.file, oneLine(err.Error()))
	}
	found := w.differences(invalid)
	sort.SliceStable(found, func(a, b int) bool { return found[a].line < found[b].line })
	return midas.Errorf(midas.Invalid, "%s", found[0].text)
}

type difference struct {
	line int
	text string
}

// differences are the innermost causes, which say what is wrong in one place.
func (w *World) differences(e *jsonschema.ValidationError) []difference {
	if len(e.Causes) > 0 {
		var all []difference
		for _, cause := range e.Causes {
			all = append(all, w.differences(cause)...)
		}
		return all
	}
	path := make([]any, 0, len(e.InstanceLocation)+1)
	for _, step := range e.InstanceLocation {
		path = append(path, step)
	}
	what, extra := inWords(e)
	if extra != "" {
		path = append(path, extra)
	}
	line, field := w.find(path)
	return []difference{{line, w.said(line, field, what)}}
}

// said is the one form of all complaints about a file.
func (w *World) said(line int, field, what string) string {
	if field == "" {
		return fmt.Sprintf("%s:%d: %s", w.file, line, what)
	}
	return fmt.Sprintf("%s:%d: %s: %s", w.file, line, field, what)
}

// complain is an error about the field at path.
func (w *World) complain(format string, args []any, path ...any) *midas.Error {
	line, field := w.find(path)
	return midas.Errorf(midas.Invalid, "%s", w.said(line, field, fmt.Sprintf(format, args...)))
}

// find returns the line of the field at path, or of the nearest thing around it that
// the file has, and the field's name: servers[0].administrator.login.
func (w *World) find(path []any) (line int, field string) {
	var name strings.Builder
	node := w.root
	line = node.Line
	for _, step := range path {
		var next *yaml.Node
		text := fmt.Sprint(step)
		for node != nil && node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		switch {
		case node != nil && node.Kind == yaml.SequenceNode:
			fmt.Fprintf(&name, "[%s]", text)
			for i, element := range node.Content {
				if fmt.Sprint(i) == text {
					next, line = element, element.Line
				}
			}
		default:
			if name.Len() > 0 {
				name.WriteByte('.')
			}
			name.WriteString(text)
			for i := 0; node != nil && node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == text {
					next, line = node.Content[i+1], node.Content[i].Line
				}
			}
		}
		node = next
	}
	return line, name.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var english = message.NewPrinter(language.English)
