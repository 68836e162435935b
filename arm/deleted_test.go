package arm

import (
	"context"
	"net/http"
	"testing"
)

// ServersDeleted is called when a server was deleted, alone or with its group, before the
// client gets its answer: what the server has elsewhere is dropped then.
func TestServersDeleted(t *testing.T) {
	w := newWorld(t)
	var told []int // how many servers have departed by then
	w.api.ServersDeleted = func(ctx context.Context) {
		departed, err := w.dir.DepartedServers(ctx)
		if err != nil {
			t.Error(err)
		}
		told = append(told, len(departed))
	}
	const group, version = "/subscriptions/{sub}/resourceGroups/rg", "?api-version=2023-12-30"
	const servers = group + "/providers/Microsoft.DBforMySQL/flexibleServers/"
	for _, step := range []struct {
		method, path string
		status, told int
	}{
		{http.MethodPut, group, http.StatusCreated, 0},
		{http.MethodPut, servers + "one", http.StatusCreated, 0},
		{http.MethodPut, servers + "two", http.StatusCreated, 0},
		{http.MethodDelete, servers + "nobody", http.StatusNoContent, 0},
		{http.MethodDelete, servers + "one", http.StatusAccepted, 1},
		{http.MethodDelete, servers + "one", http.StatusNoContent, 1},
		{http.MethodDelete, group, http.StatusAccepted, 2},
		{http.MethodDelete, group, http.StatusNotFound, 2},
	} {
		body := ""
		if step.method == http.MethodPut {
			body = `{"location": "eastus"}`
		}
		answer, text := w.do(t, "owner", step.method, step.path+version, body)
		if answer.StatusCode != step.status || len(told) != step.told {
			t.Errorf("%s %s: %d %s, told %v", step.method, step.path, answer.StatusCode, text, told)
		}
	}
	if len(told) != 2 || told[0] != 1 || told[1] != 2 {
		t.Errorf("told of %v departed servers, want 1 and 2", told)
	}
}
