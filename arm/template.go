package arm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// template is a Resource Manager template. A member that is not here is refused: what
// midas does not understand it must not pass over.
// Source: Microsoft, "Understand the structure and syntax of ARM templates".
type template struct {
	Schema         string                       `json:"$schema"`
	ContentVersion string                       `json:"contentVersion"`
	Metadata       any                          `json:"metadata"`
	Parameters     map[string]templateParameter `json:"parameters"`
	Variables      map[string]any               `json:"variables"`
	Resources      []templateResource           `json:"resources"`
	Outputs        map[string]templateOutput    `json:"outputs"`
}

type templateParameter struct {
	Type          string `json:"type"`
	DefaultValue  any    `json:"defaultValue"`
	AllowedValues []any  `json:"allowedValues"`
	Metadata      any    `json:"metadata"`
}

// secret tells whether the value must never be shown.
func (p templateParameter) secret() bool {
	return strings.HasPrefix(strings.ToLower(p.Type), "secure")
}

type templateOutput struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

type templateResource struct {
	Type       string         `json:"type"`
	APIVersion string         `json:"apiVersion"`
	Name       string         `json:"name"`
	Comments   string         `json:"comments"`
	DependsOn  []string       `json:"dependsOn"`
	Location   any            `json:"location"`
	Tags       any            `json:"tags"`
	Properties any            `json:"properties"`
	Identity   map[string]any `json:"identity"`
	SKU        any            `json:"sku"`
	Plan       any            `json:"plan"`
	Zones      any            `json:"zones"`
	Kind       any            `json:"kind"`
}

// maxTemplateResources is Azure's limit.
const maxTemplateResources = 800

func errTemplate(why error) *fault {
	return &fault{
		status: http.StatusBadRequest, code: "InvalidTemplate",
		message: "Deployment template validation failed: '" + why.Error() + "'.",
	}
}

// parseTemplate reads a template strictly.
func parseTemplate(text json.RawMessage) (template, error) {
	var t template
	if len(bytes.TrimSpace(text)) == 0 || bytes.TrimSpace(text)[0] != '{' {
		return t, fmt.Errorf("the template is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return t, err
	}
	if len(t.Resources) > maxTemplateResources {
		return t, fmt.Errorf("the number of template resources limit exceeded. Limit: %d and actual: %d", maxTemplateResources, len(t.Resources))
	}
	return t, nil
}

// parametersOf are the values of the template's parameters: those given, or the defaults.
func (t template) parametersOf(given map[string]any) (map[string]any, error) {
	values := map[string]any{}
	for name, value := range given {
		declared, ok := lookUpParameter(t.Parameters, name)
		holder, isObject := value.(object)
		inner, hasValue := lookUp(holder, "value")
		switch {
		case !ok:
			return nil, fmt.Errorf("the template parameter '%s' is not in the template", clipText(name))
		case !isObject || !hasValue || len(holder) != 1:
			return nil, fmt.Errorf("the parameter '%s' has no 'value', which is the only way to give one here", clipText(name))
		case len(declared.AllowedValues) > 0 && !slices.ContainsFunc(declared.AllowedValues, func(a any) bool { return fmt.Sprint(a) == fmt.Sprint(inner) }):
			return nil, fmt.Errorf("the value of the parameter '%s' is not among the allowed ones", clipText(name))
		}
		values[name] = inner
	}
	for name, declared := range t.Parameters {
		if _, ok := lookUp(values, name); ok {
			continue
		}
		if declared.DefaultValue == nil {
			return nil, fmt.Errorf("the value for the template parameter '%s' is not provided", clipText(name))
		}
		if text, ok := declared.DefaultValue.(string); ok {
			if _, ok := isExpression(text); ok {
				return nil, fmt.Errorf("the default value of the parameter '%s' is an expression, which is not supported here", clipText(name))
			}
		}
		values[name] = declared.DefaultValue
	}
	return values, nil
}

func lookUpParameter(of map[string]templateParameter, name string) (templateParameter, bool) {
	for known, p := range of {
		if strings.EqualFold(known, name) {
			return p, true
		}
	}
	return templateParameter{}, false
}

// step is one resource of a deployment that is about to be made.
type step struct {
	resource templateResource
	id       string // ARM id
	kind     string
	name     string
	after    []string // what it depends on, as the template says it
}

// steps returns the resources in an order in which each comes after those that it depends
// on. Names and types are evaluated; the rest is later, when those before are there.
func (t template) steps(e *evaluation) ([]step, error) {
	var all []step
	scope, _ := e.resourceGroup["id"].(string)
	for _, r := range t.Resources {
		s := step{resource: r}
		var err error
		if s.kind, err = e.text(r.Type); err != nil {
			return nil, err
		}
		if s.name, err = e.text(r.Name); err != nil {
			return nil, err
		}
		path, err := typedPath(s.kind, strings.Split(s.name, "/"))
		if err != nil {
			return nil, err
		}
		s.id = scope + path
		for _, on := range r.DependsOn {
			name, err := e.text(on)
			if err != nil {
				return nil, err
			}
			s.after = append(s.after, name)
		}
		all = append(all, s)
	}
	return ordered(all)
}

// is tells whether what a template calls so is this resource: by its id, its type and
// name, or its name.
func (s step) is(called string) bool {
	return strings.EqualFold(called, s.id) || strings.EqualFold(called, s.name) ||
		strings.HasSuffix(strings.ToLower(s.id), "/"+strings.ToLower(strings.TrimPrefix(called, "/"))) && strings.Contains(called, "/")
}

// ordered sorts by dependencies, keeping the template's order where it can.
func ordered(all []step) ([]step, error) {
	for i, s := range all {
		for _, on := range s.after {
			if !slices.ContainsFunc(all, func(o step) bool { return o.is(on) }) {
				return nil, fmt.Errorf("the resource '%s' depends on '%s', which is not in the template", s.id, clipText(on))
			}
		}
		if slices.ContainsFunc(all[:i], func(o step) bool { return strings.EqualFold(o.id, s.id) }) {
			return nil, fmt.Errorf("the resource '%s' is defined twice", s.id)
		}
	}
	var out []step
	for len(all) > 0 {
		ready := slices.IndexFunc(all, func(s step) bool {
			return !slices.ContainsFunc(all, func(o step) bool { return slices.ContainsFunc(s.after, o.is) })
		})
		if ready < 0 {
			return nil, fmt.Errorf("the resources depend on each other in a circle: '%s'", all[0].id)
		}
		out = append(out, all[ready])
		all = slices.Delete(all, ready, ready+1)
	}
	return out, nil
}
