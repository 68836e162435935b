package seed

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/midas-mysql/midas"
)

// readYAML reads the one document of a file into w.root, and the same without comments
// and positions.
func (w *World) readYAML(text []byte) (plain any, err error) {
	file := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := file.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		return nil, midas.Errorf(midas.Invalid, "%s: is empty", w.file).WithHint("docs/seed.md shows what a world looks like")
	case err != nil:
		return nil, w.unreadable(err)
	}
	w.root = doc.Content[0]
	if err := w.repeated(w.root); err != nil {
		return nil, err
	}
	// What is not read could not be carried out.
	switch err := file.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, w.unreadable(err)
	default:
		return nil, midas.Errorf(midas.Invalid, "%s", w.said(next.Line, "", "a second YAML document begins, and a world is one")).
			WithHint("join the documents, without the line of ---, or put them into files of their own and seed one after the other")
	}
	// This also refuses aliases that grow without end.
	if err := w.root.Decode(&plain); err != nil {
		return nil, w.unreadable(err)
	}
	if deeper(plain, maxNesting) {
		return nil, midas.Errorf(midas.Invalid, "%s: is nested deeper than %d", w.file, maxNesting)
	}
	return plain, nil
}

// maxNesting is how deep lists and mappings may lie within each other. Aliases count as
// what they stand for.
const maxNesting = 64

// deeper reports whether a value is nested deeper than most.
func deeper(value any, most int) bool {
	var inner iter.Seq[any]
	switch value := value.(type) {
	case map[string]any:
		inner = maps.Values(value)
	case map[any]any:
		inner = maps.Values(value)
	case []any:
		inner = slices.Values(value)
	default:
		return false
	}
	if most == 0 {
		return true
	}
	for v := range inner {
		if deeper(v, most-1) {
			return true
		}
	}
	return false
}

// repeated complains about a key that is there twice: which of the two holds would be a
// guess. Aliases are not followed, what they stand for is looked at where it is.
func (w *World) repeated(node *yaml.Node, path ...any) error {
	seen := map[string]int{}
	for i, child := range node.Content {
		at := path
		switch {
		case node.Kind == yaml.SequenceNode:
			at = append(path[:len(path):len(path)], i)
		case node.Kind == yaml.MappingNode && i%2 == 1:
			key := node.Content[i-1]
			at = append(path[:len(path):len(path)], key.Value)
			if line, there := seen[key.Value]; there && key.Kind == yaml.ScalarNode {
				_, field := w.find(at)
				return midas.Errorf(midas.Invalid, "%s", w.said(key.Line, field, "is there already")).
					WithHint("line %d has it first; keep one of the two", line)
			}
			if key.Kind == yaml.MappingNode || key.Kind == yaml.SequenceNode {
				_, field := w.find(path)
				return midas.Errorf(midas.Invalid, "%s", w.said(key.Line, field, "has a key that is no text"))
			}
			seen[key.Value] = key.Line
		}
		if err := w.repeated(child, at...); err != nil {
			return err
		}
	}
	return nil
}

// atLine is how the YAML library says where an error is.
var atLine = regexp.MustCompile(`^line (\d+): (.*)$`)

// unreadable puts an error of the YAML library into the form of the others.
func (w *World) unreadable(err error) error {
	text := oneLine(strings.TrimPrefix(err.Error(), "yaml: "))
	text = strings.TrimPrefix(text, "unmarshal errors: ")
	if strings.Contains(text, "excessive aliasing") {
		return midas.Errorf(midas.Invalid, "%s: its aliases (*name) stand for too much text", w.file).
			WithHint("write out what they stand for")
	}
	if m := atLine.FindStringSubmatch(text); m != nil {
		return midas.Errorf(midas.Invalid, "%s:%s: %s", w.file, m[1], m[2])
	}
	return midas.Errorf(midas.Invalid, "%s: %s", w.file, text)
}
