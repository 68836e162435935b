package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
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

func (p templateParameter) allows(value any) bool {
	text := fmt.Sprint(value)
	return slices.ContainsFunc(p.AllowedValues, func(a any) bool { return fmt.Sprint(a) == text })
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

// Azure's limits; for dependencies it has none.
// Source: Microsoft, "Azure subscription limits", section template limits.
const (
	maxTemplateResources  = 800
	maxTemplateParameters = 256
	maxTemplateVariables  = 256
	maxTemplateOutputs    = 64
	maxDependencies       = 10_000
)

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
		return t, errors.New(jsonWords(text, err))
	}
	return t, t.withinLimits()
}

func (t template) withinLimits() error {
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

// parametersOf are the values of the template's parameters: those given, or the defaults.
func (t template) parametersOf(given map[string]any) (map[string]any, error) {
	values := map[string]any{}
	if len(given) > maxTemplateParameters {
		return nil, fmt.Errorf("more than %d parameters are given", maxTemplateParameters)
	}
	for name, value := range given {
		declared, ok := lookUpParameter(t.Parameters, name)
		holder, isObject := value.(object)
		inner, hasValue := lookUp(holder, "value")
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
		if _, ok := lookUp(values, name); ok {
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

func lookUpParameter(of map[string]templateParameter, name string) (templateParameter, bool) {
	for known, p := range of {
		if strings.EqualFold(known, name) {
			return p, true
		}
	}
	return templateParameter{}, false
}
