package arm

import (
	"context"
	"net/http"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// Database is a database of a server.
type Database struct{ Name, Charset, Collation string }

// Databases are those of each server, in its own backend.
type Databases interface {
	// List returns up to limit of them behind the one named after, in the server's order of
	// names, without those that are the server's own.
	List(ctx context.Context, s midas.Server, after string, limit int) ([]Database, error)
	// Named returns those of that name in any case.
	Named(ctx context.Context, s midas.Server, name string) ([]Database, error)
	// Create makes one, or leaves the one of that name as it is. The name is safe to
	// quote; the character set and collation are words, or "" for the server's own. Errors
	// are Invalid or Unavailable.
	Create(ctx context.Context, s midas.Server, d Database) error
}

const (
	databaseType     = serverType + "/databases"
	firewallRuleType = serverType + "/firewallRules"
)

func (a *API) routeDatabases(t *routes) {
	const child = server + "/{name}"
	if a.Databases != nil {
		t.add(http.MethodGet, child+"/databases", databaseType+"/read", a.listDatabases)
		t.add(http.MethodGet, child+"/databases/{database}", databaseType+"/read", a.getDatabase)
		t.add(http.MethodPut, child+"/databases/{database}", databaseType+"/write", a.putDatabase).admit = true
	}
	t.add(http.MethodGet, child+"/firewallRules", firewallRuleType+"/read", a.listFirewallRules)
	t.add(http.MethodPut, child+"/firewallRules/{rule}", firewallRuleType+"/write", a.putFirewallRule)
}

func showDatabase(s directory.Server, d Database) any {
	return object{
		"id": s.ID + "/databases/" + d.Name, "name": d.Name, "type": databaseType,
		"properties": object{"charset": d.Charset, "collation": d.Collation},
	}
}

func (a *API) listDatabases(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	after, size, err := c.cut()
	if err != nil {
		return answer{}, err
	}
	// The administrator of a server makes a thousand databases in a moment: all of them would be
	// in midas's memory.
	all, err := a.Databases.List(c.Context(), s.Server(), after, size+1)
	if err != nil {
		return answer{}, hinted(err)
	}
	next := ""
	if len(all) > size {
		all = all[:size]
		next = all[size-1].Name
	}
	return onePage(c, all, next, func(d Database) any { return showDatabase(s, d) }), nil
}

func (a *API) getDatabase(c *call) (answer, error) {
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	all, err := a.Databases.Named(c.Context(), s.Server(), c.vars["database"])
	if err != nil {
		return answer{}, hinted(err)
	}
	for _, d := range all {
		if strings.EqualFold(d.Name, c.vars["database"]) {
			return answer{status: http.StatusOK, body: showDatabase(s, d)}, nil
		}
	}
	return answer{}, midas.Errorf(midas.NotFound, "The database '%s' of server '%s' was not found.", c.vars["database"], s.Name)
}

func (a *API) putDatabase(c *call) (answer, error) {
	var body struct {
		Properties struct{ Charset, Collation string } `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	s, err := a.loadServer(c)
	if err != nil {
		return answer{}, err
	}
	d := Database{Name: c.vars["database"], Charset: body.Properties.Charset, Collation: body.Properties.Collation}
	switch {
	case len(d.Name) > 64 || !word(d.Name, "-$"):
		return answer{}, midas.Errorf(midas.Invalid, "The name of a database has 1 to 64 letters, digits, '_', '-' or '$'.")
	case d.Charset != "" && !word(d.Charset, "") || d.Collation != "" && !word(d.Collation, ""):
		return answer{}, midas.Errorf(midas.Invalid, "The properties 'charset' and 'collation' are words such as 'utf8mb4'.")
	}
	_, before := a.getDatabase(c)
	if err := a.Databases.Create(c.Context(), s.Server(), d); err != nil {
		return answer{}, hinted(err)
	}
	ans, err := a.getDatabase(c)
	ans.status = http.StatusCreated
	if before != nil {
		ans.deed = changedElsewhere
	}
	return ans, err
}

// word reports whether text is one of letters, digits, underscores and what else is given.
func word(text, more string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && !strings.ContainsRune(more, c)
	})
}

func (a *API) listFirewallRules(c *call) (answer, error) {
	_, err := a.loadServer(c)
	return answer{status: http.StatusOK, body: object{"value": []object{}}}, err
}

// putFirewallRule refuses: a rule that nobody enforces would be trusted.
func (a *API) putFirewallRule(c *call) (answer, error) {
	if _, err := a.loadServer(c); err != nil {
		return answer{}, err
	}
	return answer{}, &armError{
		status: http.StatusBadRequest, code: "FirewallRulesNotSupported",
		message: "midas enforces no firewall rules: who can reach the address of its gateway may try to sign in. Create the server with '--public-access none'.",
	}
}
