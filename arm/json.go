package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas/internal/clip"
)

// decode reads the request's content, which must be one JSON object, into v. A handler calls
// it once.
func (c *call) decode(v any) error {
	_, err := c.parse(v)
	return err
}

// parse is decode that returns the content by the names of its members, too.
func (c *call) parse(v any) (*walker, error) {
	if trimmed := bytes.TrimSpace(c.body); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, errContent("it is not a JSON object")
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return nil, errJSON(c.body, err)
	}
	return unambiguous(c.body)
}

func errJSON(body []byte, err error) *armError { return errContent(jsonWords(body, err)) }

// jsonWords says in words what encoding/json says in Go's.
func jsonWords(body []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "It is not well-formed JSON: " + syntax.Error() + "." + place(body, "", syntax.Offset)
	case errors.As(err, &kind):
		w := newWalker(body)
		w.until = kind.Offset
		_, _ = w.value()
		path := w.where()
		return fmt.Sprintf("The member '%s' must be %s, and is %s.", clip.To(path, 256), kindOf(kind.Type), valueOf(kind.Value)) + place(body, path, kind.Offset)
	case strings.HasPrefix(err.Error(), "json: invalid number literal"): // of a json.Number, which tells no more
		return "It has a string that is no number where a number must be."
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// place is where in the content something is, as Resource Manager says it.
func place(body []byte, path string, offset int64) string {
	before := body[:min(int(offset), len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	position := len(before) - bytes.LastIndexByte(before, '\n') - 1
	if path != "" {
		path = " Path '" + clip.To(path, 256) + "', line"
	} else {
		path = " Line"
	}
	return fmt.Sprintf("%s %d, position %d", path, line, position)
}

// kindOf is what JSON calls the values that a Go type takes.
func kindOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct, reflect.Interface:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// valueOf says the kind of a value, and which number it is where that is the reason.
func valueOf(value string) string {
	kind, number, given := strings.Cut(value, " ")
	switch {
	case given:
		return "the number " + clip.To(number, 64)
	case kind == "array" || kind == "object":
		return "an " + kind
	case kind == "bool":
		return "true or false"
	}
	return "a " + kind
}

// unambiguous refuses what readers of JSON take in different ways: text that is no UTF-8,
// and a member that is there twice. Names of members have no case in Resource Manager.
func unambiguous(body []byte) (*walker, error) {
	if !utf8.Valid(body) {
		at := 0
		for r, n := utf8.DecodeRune(body); r != utf8.RuneError || n != 1; r, n = utf8.DecodeRune(body[at:]) {
			at += n
		}
		return nil, errContent("It is not valid UTF-8." + place(body, "", int64(at)))
	}
	w := newWalker(body)
	root, err := w.value()
	w.root, _ = root.(object)
	return w, err
}

// walker goes through well-formed JSON, and finds a member that is there twice, or the value
// at an offset.
type walker struct {
	*json.Decoder
	body  []byte
	until int64 // where to stop; 0 to go to the end
	path  []string

	root    object           // the value, once it has gone to the end
	members map[string]int64 // where the name of each member of root ends
}

func newWalker(body []byte) *walker {
	w := &walker{Decoder: json.NewDecoder(bytes.NewReader(body)), body: body, members: map[string]int64{}}
	w.UseNumber() // a float64 would change large integers
	return w
}

var errStop = errors.New("stop")

// where is the path of the value that the walker is at.
func (w *walker) where() string {
	return strings.ReplaceAll(strings.Join(w.path, "."), ".[", "[")
}

func (w *walker) value() (any, error) {
	token, err := w.Token()
	if err != nil {
		return nil, errJSON(w.body, err)
	}
	if w.until > 0 && w.InputOffset() >= w.until {
		return nil, errStop
	}
	switch opening, _ := token.(json.Delim); opening {
	case '{':
		return w.object()
	case '[':
		return w.array()
	}
	return token, nil
}

func (w *walker) object() (object, error) {
	out, seen := object{}, map[string]bool{}
	for w.More() {
		token, err := w.Token()
		if err != nil {
			return nil, errJSON(w.body, err)
		}
		name := fmt.Sprint(token)
		if len(w.path) == 0 {
			w.members[name] = w.InputOffset()
		}
		w.path = append(w.path, name)
		key := strings.ToLower(strings.ToUpper(name)) // as encoding/json compares them
		if seen[key] {
			return nil, errContent(fmt.Sprintf("The member '%s' is there more than once.", clip.To(name, 128)) + place(w.body, w.where(), w.InputOffset()))
		}
		seen[key] = true
		if out[name], err = w.value(); err != nil {
			return nil, err
		}
		w.path = w.path[:len(w.path)-1]
	}
	return out, w.end()
}

func (w *walker) array() ([]any, error) {
	out := []any{}
	for i := 0; w.More(); i++ {
		w.path = append(w.path, "["+strconv.Itoa(i)+"]")
		one, err := w.value()
		if err != nil {
			return nil, err
		}
		out = append(out, one)
		w.path = w.path[:len(w.path)-1]
	}
	return out, w.end()
}

// end reads the bracket that closes an object or array.
func (w *walker) end() error {
	_, err := w.Token()
	return err
}
