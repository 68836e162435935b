package metadata

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/midas-mysql/midas/internal/guid"
)

// maxResource bounds the audience that a token may be asked for.
const maxResource = 2048

// query is what a request for a token asks for.
type query struct {
	version  string // api-version, "" when absent
	resource string // exactly as given: it becomes the audience
	selector selector
	fresh    bool // bypass_cache=true: not from the cache
}

// selector names one user-assigned identity; the zero value names none.
type selector struct{ by, id string }

// The parameters that select an identity. IMDS and App Service name the resource id
// differently, and clients of either have been seen to use the other's name.
var selectors = []string{"client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id"}

// grammar says which parameters a dialect has besides those that all have.
type grammar struct {
	// also are further names of selectors, each with the one that it means.
	also [][2]string
	// emptyIsAbsent names a parameter that clients send without a value.
	emptyIsAbsent string
}

// Some dialects have names of their own for the ids.
var (
	plainGrammar = grammar{}
	// Go's azidentity sends an empty clientid when it means the system-assigned identity.
	oldGrammar    = grammar{also: [][2]string{{"clientid", "client_id"}}, emptyIsAbsent: "clientid"}
	fabricGrammar = grammar{also: [][2]string{{"principalId", "principal_id"}, {"clientId", "client_id"}}}
)

// parseQuery reads the query of a request to IMDS or App Service.
func parseQuery(raw string) (query, error) { return plainGrammar.parse(raw) }

// parse reads a query, or a form, which is written alike. It refuses a parameter that
// is there twice and two selectors at once: each has two readings, and the wrong one is
// a token of somebody else. Parameters that mean nothing are passed over, as in Azure.
func (g grammar) parse(raw string) (query, error) {
	values, err := parseValues(raw)
	if err != nil {
		return query{}, err
	}
	var q query
	for _, name := range []string{"api-version", "resource", "bypass_cache"} {
		value, err := g.one(values, name)
		switch {
		case err != nil:
			return query{}, err
		case name == "api-version":
			q.version = value
		case name == "resource":
			q.resource = value
		default:
			q.fresh = strings.EqualFold(value, "true")
		}
	}
	for _, name := range selectors {
		if err := g.choose(&q, values, name, name); err != nil {
			return query{}, err
		}
	}
	for _, name := range g.also {
		if err := g.choose(&q, values, name[0], name[1]); err != nil {
			return query{}, err
		}
	}
	return q, nil
}

// choose takes the selector named name, which means by.
func (g grammar) choose(q *query, values url.Values, name, by string) error {
	value, err := g.one(values, name)
	switch {
	case err != nil || value == "":
		return err
	case q.selector.by != "":
		return fmt.Errorf("the query parameters %s and %s exclude each other", q.selector.by, name)
	}
	q.selector = selector{by, value}
	return nil
}

// one returns the one value of a parameter, "" when it is absent.
func (g grammar) one(values url.Values, name string) (string, error) {
	given := values[name]
	switch {
	case len(given) == 0:
		return "", nil
	case len(given) > 1:
		return "", fmt.Errorf("the query parameter %s is there %d times", name, len(given))
	case given[0] == "" && name != g.emptyIsAbsent:
		return "", fmt.Errorf("the query parameter %s is empty", name)
	}
	return given[0], nil
}

// validResource reports whether text can be an application id URI or an application id.
// Which services exist, the endpoint does not know: a service decides itself about the
// tokens that name it.
func validResource(resource string) bool {
	if len(resource) > maxResource {
		return false
	}
	u, err := url.Parse(resource)
	return guid.Valid(resource) || err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}

func parseValues(raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	return values, nil
}
