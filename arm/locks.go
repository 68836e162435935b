package arm

import (
	"net/http"

	"github.com/midas-mysql/midas/directory"
)

const lockType = authorization + "/locks"

func (a *API) routeLocks(t *routes) {
	for _, at := range scopes {
		all := at + "/providers/" + lockType
		one := all + "/{lock}"
		t.list(all, lockType+"/read", a.listLocks)
		t.add(http.MethodGet, one, lockType+"/read", a.getLock)
		t.add(http.MethodPut, one, lockType+"/write", a.putLock)
		t.add(http.MethodDelete, one, lockType+"/delete", a.deleteLock)
	}
}

func showLock(l directory.Lock) any {
	properties := object{"level": l.Level}
	if l.Notes != "" {
		properties["notes"] = l.Notes
	}
	return object{"id": l.Scope + "/providers/" + lockType + "/" + l.Name, "name": l.Name, "type": lockType, "properties": properties}
}

// listLocks shows those at, above and below the scope, or, with atScope(), those at and
// above it.
func (a *API) listLocks(c *call) (answer, error) {
	conditions, err := c.filter("atScope()")
	if err != nil {
		return answer{}, err
	}
	all, err := a.Directory.Locks(c.Context(), c.hangsOn(), len(conditions) == 0)
	if err != nil {
		return answer{}, err
	}
	return page(c, visible(c, all, func(l directory.Lock) string { return l.Scope }), func(l directory.Lock) string { return l.Scope + "/" + l.Name }, showLock)
}

func (a *API) getLock(c *call) (answer, error) {
	l, err := a.Directory.GetLock(c.Context(), c.hangsOn(), c.vars["lock"])
	return answer{status: http.StatusOK, body: showLock(l)}, err
}

func (a *API) putLock(c *call) (answer, error) {
	var body struct {
		Properties struct {
			Level directory.LockLevel `json:"level"`
			Notes string              `json:"notes"`
		} `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	l, created, err := a.Directory.PutLock(c.Context(), c.op, directory.Lock{
		Name: c.vars["lock"], Level: body.Properties.Level, Notes: body.Properties.Notes, Scope: c.hangsOn(),
	})
	return answer{status: made(created), body: showLock(l)}, err
}

func (a *API) deleteLock(c *call) (answer, error) {
	return removed(a.Directory.DeleteLock(c.Context(), c.op, c.hangsOn(), c.vars["lock"]))
}
