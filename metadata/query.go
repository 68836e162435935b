package metadata

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
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

// parameters are those that mean something here; others are passed over, as in Azure.
var parameters = append([]string{"api-version", "resource", "bypass_cache"}, selectors...)

// parseQuery reads the query of a request. It refuses a parameter that is there twice
// and two selectors at once: each has two readings, and the wrong one is a token of
// somebody else.
func parseQuery(raw string) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, fmt.Errorf("the query cannot be read: %w", err)
	}
	var q query
	for _, name := range parameters {
		given := values[name]
		switch {
		case len(given) == 0:
			continue
		case len(given) > 1:
			return query{}, fmt.Errorf("the query parameter %s is there %d times", name, len(given))
		case given[0] == "":
			return query{}, fmt.Errorf("the query parameter %s is empty", name)
		}
		switch value := given[0]; {
		case name == "api-version":
			q.version = value
		case name == "resource":
			q.resource = value
		case name == "bypass_cache":
			q.fresh = strings.EqualFold(value, "true")
		case q.selector.by != "":
			return query{}, fmt.Errorf("the query parameters %s and %s exclude each other", q.selector.by, name)
		default:
			q.selector = selector{name, value}
		}
	}
	return q, nil
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// validResource tells an application id URI, or application id, from what can be
// nobody's. Whether it is somebody's is for them to know: whoever is named decides
// about the tokens that are made out to them.
func validResource(resource string) bool {
	if len(resource) > maxResource {
		return false
	}
	u, err := url.Parse(resource)
	return guid.MatchString(resource) || err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}

// identityVersions are the api-versions of IMDS that have the identity category.
// Source: Microsoft Learn, "Azure Instance Metadata Service", supported versions.
var identityVersions = []string{
	"2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04",
	"2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
	"2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15",
	"2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
}

// newestVersions are the three that an error names, newest first.
func newestVersions() []string {
	newest := slices.Clone(identityVersions[len(identityVersions)-3:])
	slices.Reverse(newest)
	return newest
}
