package graph

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/midas-mysql/midas/internal/clip"
)

// entity is a type of directory object as Graph shows it.
type entity struct {
	name  string // of the type, without its namespace
	set   string // of the collection
	label string // in error messages
	// shown are the properties of an answer when $select says nothing.
	shown []string
	// kept are the properties that midas gives back as they were sent, with what they are
	// when nobody has said. That value is also their type; nil is a text.
	kept map[string]any
	// computed are the properties that no client sets.
	computed []string
}

func (e entity) odataType() string { return "#microsoft.graph." + e.name }

// render lays what midas knows of an object over what its client sent, and chooses
// from it. An unknown property in $select is an error, unless the collection is of
// mixed types.
func (e entity) render(body json.RawMessage, known object, selected []string, mixed bool) (object, error) {
	sent := object{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()       // a float64 would change large integers
	_ = decoder.Decode(&sent) // the directory holds well-formed objects only
	full := overlay(e.kept, sent)
	maps.Copy(full, known)
	names := e.shown
	if selected != nil {
		names = selected
	}
	out := object{}
	if mixed {
		out["@odata.type"] = e.odataType()
	}
	for _, name := range names {
		key, ok := canonical(full, name)
		switch {
		case ok:
			out[key] = full[key]
		case !mixed:
			return nil, errBad("Could not find a property named '%s' on type 'microsoft.graph.%s'.", clip.Text(name), e.name)
		}
	}
	return out, nil
}

// overlay returns what is beneath with what lies above it; objects are laid over one
// another member by member.
func overlay(beneath, above object) object {
	out := maps.Clone(beneath)
	if out == nil {
		out = object{}
	}
	for name, value := range above {
		inner, isObject := value.(object)
		if old, was := out[name].(object); was && isObject {
			out[name] = overlay(old, inner)
		} else {
			out[name] = value
		}
	}
	return out
}

// canonical finds a property without regard to case.
func canonical[T any](all map[string]T, name string) (string, bool) {
	if _, ok := all[name]; ok {
		return name, true
	}
	for key := range all {
		if strings.EqualFold(key, name) {
			return key, true
		}
	}
	return "", false
}

// decode reads the request's content, which must be one JSON object, into members. One
// that is there twice, also in another case, is refused: which of them counts would be
// chance.
func (c *call) decode() (map[string]json.RawMessage, error) {
	if trimmed := bytes.TrimSpace(c.body); len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(c.body) || !utf8.Valid(c.body) {
		return nil, errContent
	}
	members, seen := map[string]json.RawMessage{}, map[string]bool{}
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	_, err := decoder.Token() // the brace
	for err == nil && decoder.More() {
		var token json.Token
		if token, err = decoder.Token(); err != nil {
			break
		}
		name, _ := token.(string)
		key := strings.ToLower(strings.ToUpper(name)) // as strings.EqualFold compares them
		if seen[key] {
			return nil, errBad("The property '%s' is there more than once.", clip.Text(name))
		}
		seen[key] = true
		var value json.RawMessage
		err = decoder.Decode(&value)
		members[name] = value
	}
	if err != nil {
		return nil, errContent
	}
	return members, nil
}

// decodeInto reads the request's content, which must be one JSON object, into v.
func (c *call) decodeInto(v any) error {
	if _, err := c.decode(); err != nil {
		return err
	}
	if json.Unmarshal(c.body, v) != nil {
		return errContent
	}
	return nil
}

// parse sorts what a client sent of an entity: what midas has a word for, and the body
// of what is only kept.
func (e entity) parse(c *call, known ...string) (members map[string]json.RawMessage, body json.RawMessage, err error) {
	sent, err := c.decode()
	if err != nil {
		return nil, nil, err
	}
	members, rest := map[string]json.RawMessage{}, object{}
	for name, value := range sent {
		at := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		key, kept := canonical(e.kept, name)
		switch {
		case at >= 0:
			members[known[at]] = value
		case strings.HasPrefix(name, "@"): // an annotation, such as @odata.type
		case kept:
			if rest[key], err = e.checked(key, value); err != nil {
				return nil, nil, err
			}
		case slices.ContainsFunc(e.computed, func(k string) bool { return strings.EqualFold(k, name) }):
			return nil, nil, errBad("Property '%s' is read-only and cannot be set.", clip.Text(name))
		default:
			return nil, nil, errBad("Invalid property '%s'.", clip.Text(name))
		}
	}
	body, err = json.Marshal(rest)
	return members, body, err
}

// checked decodes a value that is only kept; its type is that of the default.
func (e entity) checked(name string, raw json.RawMessage) (any, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, errContent
	}
	ok := value == nil
	switch e.kept[name].(type) {
	case []any:
		_, is := value.([]any)
		ok = ok || is
	case object:
		_, is := value.(object)
		ok = ok || is
	case bool:
		_, is := value.(bool)
		ok = ok || is
	default:
		_, is := value.(string)
		ok = ok || is
	}
	if !ok {
		return nil, e.invalid(name)
	}
	return value, nil
}

func (e entity) invalid(name string) error {
	return errBad("Invalid value specified for property '%s' of resource '%s'.", name, e.label)
}

// text decodes a member that is a text; null is no text, "". Nil when it was not sent.
func (e entity) text(members map[string]json.RawMessage, name string) (*string, error) {
	raw, sent := members[name]
	if !sent {
		return nil, nil
	}
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, e.invalid(name)
	}
	if value == nil {
		value = new("")
	}
	return value, nil
}

// truth decodes a member that is true or false. Nil when it was not sent.
func (e entity) truth(members map[string]json.RawMessage, name string) (*bool, error) {
	raw, sent := members[name]
	if !sent {
		return nil, nil
	}
	var value *bool
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return nil, e.invalid(name)
	}
	return value, nil
}

// into decodes a member into v, or leaves v alone when it was not sent.
func (e entity) into(members map[string]json.RawMessage, name string, v any) (sent bool, err error) {
	raw, sent := members[name]
	if sent && json.Unmarshal(raw, v) != nil {
		return true, e.invalid(name)
	}
	return sent, nil
}

// one is the answer that is a single entity.
func (c *call) one(e entity, status int, shown object, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	suffix := "/$entity"
	if c.query.selected != nil {
		suffix = "(" + strings.Join(slices.Sorted(maps.Keys(shown)), ",") + ")" + suffix
	}
	shown["@odata.context"] = c.root + "/$metadata#" + e.set + suffix
	return answer{status, shown}, nil
}

// done is the answer of what leaves nothing to say.
func done(err error) (answer, error) { return answer{status: http.StatusNoContent}, err }

// removed is the answer to a DELETE of an object.
func removed(id string, existed bool, err error) (answer, error) {
	if err == nil && !existed {
		err = &fault{
			status: http.StatusNotFound, code: "Request_ResourceNotFound",
			message: "Resource '" + clip.Text(id) + "' does not exist or one of its queried reference-property objects are not present.",
		}
	}
	return done(err)
}

// instant writes a time as Graph does; one that is not set is null.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// orNull writes a text that is not set as null.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
