package arm

import (
	"net/http"
	"testing"
)

// Servers share a backend, which has one account of each name: no two administrators that
// nobody named have the same login.
func TestDefaultAdministrators(t *testing.T) {
	w := newWorld(t)
	const group, version = "/subscriptions/{sub}/resourceGroups/rg", "?api-version=2023-12-30"
	const servers = group + "/providers/Microsoft.DBforMySQL/flexibleServers/"
	put := func(path string, status int) {
		t.Helper()
		if answer, text := w.do(t, "owner", http.MethodPut, path+version, `{"location": "eastus"}`); answer.StatusCode != status {
			t.Fatalf("%s: %d %s", path, answer.StatusCode, text)
		}
	}
	put(group, http.StatusCreated)
	put(servers+"one", http.StatusCreated)
	put(servers+"two", http.StatusCreated)
	put(servers+"a-name-longer-than-mysql-allows-user-names", http.StatusCreated)
	put(servers+"one", http.StatusOK)
	for name, login := range map[string]string{
		"one": "operator", "two": "operator-two", "a-name-longer-than-mysql-allows-user-names": "operator-a-name-longer-than-mysql",
	} {
		server, err := w.dir.Server(t.Context(), name)
		if want := login[:min(len(login), 32)]; err != nil || server.Admin == nil || server.Admin.Login != want {
			t.Errorf("%s: %+v, %v, want %s", name, server.Admin, err, want)
		}
	}
}
