package graph

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

// Sizes of a page.
// Source: Microsoft Learn, "Paging Microsoft Graph data in your app".
const (
	defaultPage = 100
	maxPage     = 999
)

// maxSelect bounds the properties that $select names.
const maxSelect = 100

// options are the OData query options of a request.
type options struct {
	selected []string // nil when $select says nothing
	where    directory.Condition
	top      int
	after    string // $skiptoken
	count    bool
	given    map[string]bool // which there were, in lower case with their $
}

// parseOptions reads a query. An option that midas does not have is refused: to leave
// it out would give another answer than was asked for.
func parseOptions(raw string) (options, error) {
	o := options{top: defaultPage, given: map[string]bool{}}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return o, errBad("The query is not well-formed.")
	}
	for name, all := range values {
		key := strings.ToLower(name)
		if len(all) > 1 || o.given[key] {
			return o, errBad("Query option '%s' was specified more than once, but it must be specified at most once.", clip.Text(name))
		}
		o.given[key] = true
		if err := o.set(key, all[0]); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) set(key, value string) (err error) {
	switch key {
	case "$select":
		o.selected = strings.Split(value, ",")
		for i := range o.selected {
			o.selected[i] = strings.TrimSpace(o.selected[i])
		}
		if len(o.selected) > maxSelect || value == "" {
			return errBad("Invalid value specified for $select.")
		}
	case "$filter":
		o.where, err = parseFilter(value)
	case "$top":
		o.top, err = strconv.Atoi(value)
		if err != nil || o.top < 1 || o.top > maxPage {
			return errBad("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", clip.Text(value), maxPage)
		}
	case "$skiptoken":
		o.after = value
	case "$count":
		if value != "true" && value != "false" {
			return errBad("Invalid value '%s' for $count. A boolean value is expected.", clip.Text(value))
		}
		o.count = value == "true"
	case "$orderby":
		// The order in which everything comes anyway; others are not kept.
		if !strings.EqualFold(value, "displayName") && !strings.EqualFold(value, "displayName asc") {
			return errQuery("Sorting by '%s' is not supported.", clip.Text(value))
		}
	case "$format", "api-version":
	default:
		if strings.HasPrefix(key, "$") {
			return errQuery("The query option '%s' is not supported.", clip.Text(key))
		}
	}
	return err
}

// only refuses options other than those, for answers that have no use for them.
func (o options) only(allowed ...string) error {
	for name := range o.given {
		ok := !strings.HasPrefix(name, "$") || name == "$format"
		for _, a := range allowed {
			ok = ok || name == a
		}
		if !ok {
			return errQuery("The query option '%s' is not supported here.", clip.Text(name))
		}
	}
	return nil
}

// page is what the directory is asked for.
func (o options) page() directory.Query {
	return directory.Query{Where: o.where, After: o.after, Limit: o.top, Count: o.count}
}
