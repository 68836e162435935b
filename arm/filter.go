package arm

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// clause is one condition of a $filter: "name op 'value'", "startswith(name, 'value')" with
// op "startswith", or "name('value')" with op "()".
type clause struct {
	name, op, value string
}

// clausePattern takes one clause and what joins it to the next. A value may lack quotes:
// az leaves them out for times and providers.
var clausePattern = regexp.MustCompile(`(?i)^\s*(?:startswith\(\s*([a-z]+)\s*,\s*'((?:[^']|'')*)'\s*\)|([a-z][a-z/]*)(?:\(\s*(?:'((?:[^']|'')*)')?\s*\)|\s+(eq|ge|le|gt|lt)\s+(?:'((?:[^']|'')*)'|([^\s'()]+))))(\s+and\s+|\s*$)`)

// maxFilter is the longest $filter that is read.
const maxFilter = 4096

// filter reads the request's $filter: clauses joined by "and". Other operators, and names
// that are not among known, are refused: a condition that is not understood must not look
// as if it had been met. Of known, functions end with "()", and nothing else is one.
// Source: OData 4.01, URL Conventions, 5.1.1; Azure knows the same small part of it.
func (c *call) filter(known ...string) ([]clause, error) {
	c.filtered = true
	text := strings.TrimSpace(c.query["$filter"])
	if len(text) > maxFilter {
		return nil, errFilter("it is too long")
	}
	var all []clause
	for text != "" {
		m := clausePattern.FindStringSubmatch(text)
		if m == nil {
			return nil, errFilter("'" + clip.To(text, 128) + "' is not understood")
		}
		one := clause{name: strings.ToLower(m[1] + m[3]), op: strings.ToLower(m[5]), value: m[6] + m[7]}
		switch {
		case m[1] != "":
			one.op, one.value = "startswith", m[2]
		case one.op == "":
			one.op, one.value = "()", m[4]
		}
		one.value = strings.ReplaceAll(one.value, "''", "'")
		matched := false
		for _, name := range known {
			bare, function := strings.CutSuffix(name, "()")
			matched = matched || strings.EqualFold(bare, one.name) && function == (one.op == "()")
		}
		if !matched {
			return nil, errFilter("'" + clip.To(one.name, 128) + "' is not known here")
		}
		all = append(all, one)
		text = text[len(m[0]):]
		if joined := strings.TrimSpace(m[8]) != ""; joined && text == "" {
			return nil, errFilter("it ends with 'and'")
		}
	}
	return all, nil
}

// unfiltered refuses a list whose handler has not looked at the $filter that was given: it
// would show all, as if all met the condition.
func (c *call) unfiltered(ans answer, err error) (answer, error) {
	if err != nil || c.filtered || c.Method != http.MethodGet || strings.TrimSpace(c.query["$filter"]) == "" {
		return ans, err
	}
	if body, ok := ans.body.(object); !ok || body["value"] == nil {
		return ans, nil
	}
	return answer{}, errFilter("this list has no conditions; leave $filter out")
}

// once checks that nothing is compared twice, which one value for each could not hold, and
// all but names in order by eq alone.
func once(conditions []clause, order ...string) error {
	seen := map[string]bool{}
	for _, one := range conditions {
		key := one.name
		switch {
		case slices.Contains(order, one.name):
			key += one.op[:1]
		case one.op != "eq" && one.op != "()":
			return errFilter("'" + one.name + "' is compared by eq alone")
		}
		if seen[key] {
			return errFilter("'" + one.name + "' is there more than once")
		}
		seen[key] = true
	}
	return nil
}

// byTag checks that conditions compare as lists of resources and groups do: by eq, and a
// tag's name also by startswith.
func byTag(conditions []clause) error {
	for _, one := range conditions {
		if one.op != "eq" && (one.op != "startswith" || one.name != "tagname") {
			return errFilter("'" + one.name + "' is compared by eq, and tagName also by startswith")
		}
	}
	return nil
}

func errFilter(why string) *armError {
	return &armError{status: http.StatusBadRequest, code: "InvalidFilterInQueryString", message: "Invalid $filter in the query string: " + why + "."}
}
