package armtemplate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

type object = map[string]any

// Evaluation evaluates the expressions of one deployment. What all of them make together is
// bounded, so each deployment needs one of its own.
type Evaluation struct {
	Subscription  map[string]any // the value of subscription()
	ResourceGroup map[string]any // the value of resourceGroup()
	Parameters    map[string]any
	Variables     map[string]any
	// Reference returns a resource as GET shows it.
	Reference func(id string) (map[string]any, error)

	depth int // of variables that name variables
	steps int // done so far
	nodes int // of values made so far
	bytes int // of texts in them
}

// Variables that name each other twice would double the work, or a text, at each level:
// these bounds end such a template early.
const (
	maxSteps = 100_000
	maxText  = 128 << 10
)

// maxID is how many bytes an ARM id may have: the API takes no longer path.
const maxID = 2048

func (e *Evaluation) evaluate(parsed any) (any, error) {
	if e.steps++; e.steps > maxSteps {
		return nil, fmt.Errorf("the template takes too long to evaluate")
	}
	switch parsed := parsed.(type) {
	case functionCall:
		args := make([]any, 0, len(parsed.args))
		for _, arg := range parsed.args {
			value, err := e.evaluate(arg)
			if err != nil {
				return nil, err
			}
			args = append(args, value)
		}
		f, known := functions[strings.ToLower(parsed.name)]
		if !known {
			return nil, fmt.Errorf("the function '%s' is not known here", clip.To(parsed.name, 200))
		}
		value, err := f(e, args)
		if err == nil {
			err = e.spend(value)
		}
		return value, err
	case memberOf:
		of, err := e.evaluate(parsed.of)
		if err != nil {
			return nil, err
		}
		member, err := e.evaluate(parsed.member)
		if err != nil {
			return nil, err
		}
		return pick(of, member)
	}
	return parsed, nil
}

// pick takes a member of an object, whose names compare without case, or of an array.
func pick(of, member any) (any, error) {
	switch of := of.(type) {
	case object:
		if name, ok := member.(string); ok {
			if value, ok := LookUp(of, name); ok {
				return value, nil
			}
		}
	case []any:
		if i, ok := member.(int64); ok && i >= 0 && i < int64(len(of)) {
			return of[i], nil
		}
	}
	return nil, fmt.Errorf("there is no member '%v'", member)
}

// LookUp returns the member with that name, which compares without case.
func LookUp(of map[string]any, name string) (any, bool) {
	for known, value := range of {
		if strings.EqualFold(known, name) {
			return value, true
		}
	}
	return nil, false
}

// functions are those that az's templates use, and a few that most other templates use too.
// Any other is an error, never a guess.
// Source: Microsoft, "ARM template functions".
var functions map[string]func(e *Evaluation, args []any) (any, error)

func init() {
	functions = map[string]func(*Evaluation, []any) (any, error){
		"concat": concat, "resourceid": resourceID, "parameters": parameter, "variables": variableOf, "reference": reference,
		"resourcegroup": func(e *Evaluation, args []any) (any, error) { return e.ResourceGroup, none("resourceGroup", args) },
		"subscription":  func(e *Evaluation, args []any) (any, error) { return e.Subscription, none("subscription", args) },
		"tolower":       func(_ *Evaluation, args []any) (any, error) { return mapText("toLower", args, strings.ToLower) },
		"toupper":       func(_ *Evaluation, args []any) (any, error) { return mapText("toUpper", args, strings.ToUpper) },
	}
}

func none(name string, args []any) error {
	if len(args) > 0 {
		return fmt.Errorf("the function '%s' takes nothing", name)
	}
	return nil
}

func mapText(name string, args []any, f func(string) string) (any, error) {
	texts, ok := allTexts(args)
	if !ok || len(texts) != 1 {
		return nil, fmt.Errorf("the function '%s' takes one text", name)
	}
	return f(texts[0]), nil
}

func allTexts(args []any) ([]string, bool) {
	texts := make([]string, 0, len(args))
	for _, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// concat joins texts and numbers, or arrays.
func concat(_ *Evaluation, args []any) (any, error) {
	var b strings.Builder
	var all []any
	arrays := 0
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			b.WriteString(arg)
		case int64:
			b.WriteString(strconv.FormatInt(arg, 10))
		case json.Number:
			b.WriteString(arg.String())
		case []any:
			arrays++
			all = append(all, arg...)
		default:
			return nil, fmt.Errorf("the function 'concat' takes texts, numbers or arrays")
		}
		if b.Len() > maxText || len(all) > maxText {
			return nil, fmt.Errorf("the function 'concat' makes too much")
		}
	}
	switch arrays {
	case 0:
		return b.String(), nil
	case len(args):
		return all, nil
	}
	return nil, fmt.Errorf("the function 'concat' takes texts or arrays, not both")
}

// resourceID is resourceId([subscription], [group], type, name…).
func resourceID(e *Evaluation, args []any) (any, error) {
	texts, ok := allTexts(args)
	kind := slices.IndexFunc(texts, func(text string) bool { return strings.Contains(text, "/") })
	if !ok || kind < 0 || kind > 2 {
		return nil, fmt.Errorf("the function 'resourceId' takes a type such as 'Microsoft.Network/virtualNetworks', and names")
	}
	scope, _ := e.ResourceGroup["id"].(string)
	if kind > 0 {
		sub, _ := e.Subscription["id"].(string)
		if kind == 2 {
			sub = "/subscriptions/" + texts[0]
		}
		scope = sub + "/resourceGroups/" + texts[kind-1]
	}
	path, err := typedPath(texts[kind], texts[kind+1:])
	return scope + path, err
}

// typedPath is "/providers/A/b/N/c/M" of type A/b/c and names N, M.
func typedPath(kind string, names []string) (string, error) {
	types := strings.Split(kind, "/")
	if len(types) != len(names)+1 || slices.Contains(types, "") || slices.Contains(names, "") {
		return "", fmt.Errorf("the type '%s' and the name '%s' are not of as many parts", clip.To(kind, 200), clip.To(strings.Join(names, "/"), 200))
	}
	if len(kind) > maxID {
		return "", fmt.Errorf("the type '%s' is too long", clip.To(kind, 200))
	}
	var path strings.Builder
	path.WriteString("/providers/" + types[0])
	for i, name := range names {
		path.WriteString("/" + types[i+1] + "/" + name)
	}
	if path.Len() > maxID {
		return "", fmt.Errorf("the name '%s' is too long", clip.To(strings.Join(names, "/"), 200))
	}
	return path.String(), nil
}

func parameter(e *Evaluation, args []any) (any, error) {
	texts, ok := allTexts(args)
	if ok && len(texts) == 1 {
		if value, ok := LookUp(e.Parameters, texts[0]); ok {
			return value, nil
		}
	}
	return nil, fmt.Errorf("the template has no parameter '%s'", clip.To(fmt.Sprint(args...), 200))
}

// variableOf evaluates a variable, which may name others.
func variableOf(e *Evaluation, args []any) (any, error) {
	texts, ok := allTexts(args)
	if ok && len(texts) == 1 {
		if value, ok := LookUp(e.Variables, texts[0]); ok {
			if e.depth++; e.depth > maxDepth {
				return nil, fmt.Errorf("the variables nest too deep")
			}
			defer func() { e.depth-- }()
			return e.value(value, 0)
		}
	}
	return nil, fmt.Errorf("the template has no variable '%s'", clip.To(fmt.Sprint(args...), 200))
}

// reference is reference(id, [apiVersion], ['Full']): the properties of a resource, or all
// of it.
func reference(e *Evaluation, args []any) (any, error) {
	texts, ok := allTexts(args)
	if !ok || len(texts) == 0 || len(texts) > 3 || len(texts) == 3 && !strings.EqualFold(texts[2], "Full") || !strings.HasPrefix(texts[0], "/") {
		return nil, fmt.Errorf("the function 'reference' takes a resource's id, a version and 'Full'")
	}
	found, err := e.Reference(texts[0])
	if err != nil || len(texts) == 3 {
		return found, err
	}
	return found["properties"], nil
}
