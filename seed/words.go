package seed

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// inWords says what is wrong for the person who wrote the file; extra is the field
// within the place where it is wrong, when that is what is too many.
func inWords(e *jsonschema.ValidationError) (what, extra string) {
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		return "there is no such field", k.Properties[0]
	case *kind.Required:
		return "needs the field " + k.Missing[0], ""
	case *kind.Type:
		return fmt.Sprintf("is %s, and should be %s", article(k.Got), article(strings.Join(k.Want, " or "))), ""
	case *kind.Pattern:
		return fmt.Sprintf("%q is not of the form %s", k.Got, k.Want), ""
	case *kind.MinLength:
		return "is empty", ""
	case *kind.MaxLength:
		return fmt.Sprintf("is %d characters long, more than %d", k.Got, k.Want), ""
	case *kind.MinProperties:
		return "names nothing: one field is needed", ""
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d fields, and may have one", k.Got), ""
	case *kind.Not:
		return "has both password-file and password-env, and may have one", ""
	}
	return e.ErrorKind.LocalizedString(english), ""
}

// article puts a type of JSON into words of YAML.
func article(kind string) string {
	switch kind {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "null":
		return "nothing"
	case "string":
		return "a text"
	}
	return "a " + kind
}
