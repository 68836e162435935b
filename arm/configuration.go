package arm

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// Settings are the parameters of the databases behind servers, beside those of the directory.
type Settings interface {
	// Settable tells whether an operator may set that parameter of a server's database.
	Settable(s midas.Server, name string) bool
	// Set sets it, now and for later starts, or returns it to its default with "" at the next
	// start. Errors are Invalid, with the reason of the database, and Unavailable.
	Set(ctx context.Context, by *directory.Operation, s midas.Server, name, value string) error
	// All returns what was set of a server's database, by name in lower case.
	All(ctx context.Context, s midas.Server) (map[string]string, error)
}

// setting is a parameter of a database as the API shows it. Of one that nobody set only the
// database knows the value.
func setting(name, value string, set bool) directory.Parameter {
	return directory.Parameter{Name: name, Value: value, Set: set, Description: "A parameter of the server's database."}
}

// configurations are all parameters of a server that have a value here.
func (a *API) configurations(c *call, s directory.Server) ([]directory.Parameter, error) {
	all, err := a.Directory.Parameters(c.Context(), c.vars["group"], c.vars["name"])
	if err != nil || a.Settings == nil {
		return all, err
	}
	set, err := a.Settings.All(c.Context(), s.Server())
	for _, name := range slices.Sorted(maps.Keys(set)) {
		all = append(all, setting(name, set[name], true))
	}
	return all, err
}

func (a *API) configuration(c *call, s directory.Server) (directory.Parameter, error) {
	p, err := a.Directory.Parameter(c.Context(), c.vars["group"], c.vars["name"], c.vars["parameter"])
	name := strings.ToLower(c.vars["parameter"])
	if midas.CodeOf(err) != midas.NotFound || a.Settings == nil || !a.Settings.Settable(s.Server(), name) {
		return p, err
	}
	set, err := a.Settings.All(c.Context(), s.Server())
	value, is := set[name]
	return setting(name, value, is), err
}

// setConfiguration sets a parameter of the server, or of its database. "" is for the default.
func (a *API) setConfiguration(c *call, s directory.Server, value string) (answer, error) {
	name := strings.ToLower(c.vars["parameter"])
	if a.Settings == nil || !a.Settings.Settable(s.Server(), name) {
		p, err := a.Directory.SetParameter(c.Context(), c.op, c.vars["group"], c.vars["name"], c.vars["parameter"], value)
		return answer{status: http.StatusOK, body: showConfiguration(s, p)}, err
	}
	if err := a.Settings.Set(c.Context(), c.op, s.Server(), name, value); err != nil {
		return answer{}, hinted(err)
	}
	return answer{status: http.StatusOK, body: showConfiguration(s, setting(name, value, value != ""))}, nil
}
