package armtemplate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// Template is a Resource Manager template. A member that is not here is refused: what
// midas does not understand it must not pass over.
// Source: Microsoft, "Understand the structure and syntax of ARM templates".
type Template struct {
	Schema         string               `json:"$schema"`
	ContentVersion string               `json:"contentVersion"`
	Metadata       any                  `json:"metadata"`
	Parameters     map[string]Parameter `json:"parameters"`
	Variables      map[string]any       `json:"variables"`
	Resources      []Resource           `json:"resources"`
	Outputs        map[string]Output    `json:"outputs"`
}

// Parameter is a parameter that a template declares.
type Parameter struct {
	Type          string `json:"type"`
	DefaultValue  any    `json:"defaultValue"`
	AllowedValues []any  `json:"allowedValues"`
	Metadata      any    `json:"metadata"`
}

// Secret reports whether the value must never be shown.
func (p Parameter) Secret() bool { return secure(p.Type) }

func secure(kind string) bool { return strings.HasPrefix(strings.ToLower(kind), "secure") }

func (p Parameter) allows(value any) bool {
	text := fmt.Sprint(value)
	return slices.ContainsFunc(p.AllowedValues, func(a any) bool { return fmt.Sprint(a) == text })
}

// Output is an output that a template declares.
type Output struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// Resource is a resource of a template, with nothing evaluated.
type Resource struct {
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

// Azure's limits; for dependencies it has none.
// Source: Microsoft, "Azure subscription limits", section template limits.
const (
	maxTemplateResources  = 800
	maxTemplateParameters = 256
	maxTemplateVariables  = 256
	maxTemplateOutputs    = 64
	maxDependencies       = 10_000
)

// Parse reads a template. A member that it does not know is an error; errors of
// encoding/json are returned as they are.
func Parse(text json.RawMessage) (Template, error) {
	var t Template
	if len(bytes.TrimSpace(text)) == 0 || bytes.TrimSpace(text)[0] != '{' {
		return t, fmt.Errorf("the template is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return t, err
	}
	return t, t.withinLimits()
}

func (t Template) withinLimits() error {
	on := 0
	for _, r := range t.Resources {
		on += len(r.DependsOn)
	}
	for _, one := range []struct {
		what        string
		limit, have int
	}{
		{"resources", maxTemplateResources, len(t.Resources)},
		{"parameters", maxTemplateParameters, len(t.Parameters)},
		{"variables", maxTemplateVariables, len(t.Variables)},
		{"outputs", maxTemplateOutputs, len(t.Outputs)},
		{"dependencies", maxDependencies, on},
	} {
		if one.have > one.limit {
			return fmt.Errorf("the number of template %s limit exceeded. Limit: %d and actual: %d", one.what, one.limit, one.have)
		}
	}
	return nil
}

// ParameterValues returns the values of the template's parameters: those given, or the defaults.
func (t Template) ParameterValues(given map[string]any) (map[string]any, error) {
	values := map[string]any{}
	if len(given) > maxTemplateParameters {
		return nil, fmt.Errorf("more than %d parameters are given", maxTemplateParameters)
	}
	for name, value := range given {
		declared, ok := lookUpParameter(t.Parameters, name)
		holder, isObject := value.(object)
		inner, hasValue := LookUp(holder, "value")
		switch {
		case !ok:
			return nil, fmt.Errorf("the template parameter '%s' is not in the template", clip.To(name, 200))
		case !isObject || !hasValue || len(holder) != 1:
			return nil, fmt.Errorf("the parameter '%s' has no 'value', which is the only way to give one here", clip.To(name, 200))
		case len(declared.AllowedValues) > 0 && !declared.allows(inner):
			return nil, fmt.Errorf("the value of the parameter '%s' is not among the allowed ones", clip.To(name, 200))
		}
		values[name] = inner
	}
	for name, declared := range t.Parameters {
		if _, ok := LookUp(values, name); ok {
			continue
		}
		if declared.DefaultValue == nil {
			return nil, fmt.Errorf("the value for the template parameter '%s' is not provided", clip.To(name, 200))
		}
		if text, ok := declared.DefaultValue.(string); ok {
			if _, ok := isExpression(text); ok {
				return nil, fmt.Errorf("the default value of the parameter '%s' is an expression, which is not supported here", clip.To(name, 200))
			}
		}
		values[name] = declared.DefaultValue
	}
	return values, nil
}

func lookUpParameter(of map[string]Parameter, name string) (Parameter, bool) {
	for known, p := range of {
		if strings.EqualFold(known, name) {
			return p, true
		}
	}
	return Parameter{}, false
}

// Body returns the resource as its own PUT takes it, with its expressions evaluated.
func (r Resource) Body(e *Evaluation) (map[string]any, error) {
	out := object{}
	for name, value := range map[string]any{
		"location": r.Location, "tags": r.Tags, "properties": r.Properties, "sku": r.SKU, "plan": r.Plan, "zones": r.Zones, "kind": r.Kind,
	} {
		if value == nil {
			continue
		}
		evaluated, err := e.Value(value)
		if err != nil {
			return nil, err
		}
		out[name] = evaluated
	}
	if r.Identity != nil {
		evaluated, err := e.Value(r.Identity)
		if err != nil {
			return nil, err
		}
		out["identity"] = identityMap(evaluated.(object))
	}
	return out, nil
}

// identityMap turns the older form of user-assigned identities, a list, into the newer one.
func identityMap(identity object) object {
	if ids, ok := identity["identityIds"].([]any); ok {
		byID := object{}
		for _, id := range ids {
			if text, ok := id.(string); ok {
				byID[text] = object{}
			}
		}
		delete(identity, "identityIds")
		identity["userAssignedIdentities"] = byID
	}
	return identity
}

// OutputValues returns the template's outputs, those that are secret without their values.
func (t Template) OutputValues(e *Evaluation) (map[string]any, error) {
	out := object{}
	for name, o := range t.Outputs {
		value, err := e.Value(o.Value)
		if err != nil {
			return nil, err
		}
		if secure(o.Type) {
			value = nil
		}
		out[name] = object{"type": o.Type, "value": value}
	}
	return out, nil
}
