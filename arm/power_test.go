package arm

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// engines are backends that note what is done with them, by the server's name.
type engines struct {
	full    bool   // no server gets one any more
	broken  string // the server that gets none though it was admitted
	silent  string // the server whose database does not answer
	cannot  bool   // no other version
	binding func() // what happens while a server is bound
	stopped map[string]bool
	did     []string
}

func (e *engines) Admit(_ context.Context, _, name string) error {
	if e.full {
		return midas.Errorf(midas.Invalid, "server %s has no backend", name).WithHint("declare one")
	}
	return nil
}

func (e *engines) Bind(_ context.Context, s midas.Server) error {
	if e.binding != nil {
		e.binding()
	}
	if s.Name == e.broken {
		return midas.Errorf(midas.Conflict, "servers %s and mydb have the same backend", s.Name)
	}
	if s.Name == e.silent {
		return midas.Errorf(midas.Unavailable, "nothing listens at backend 10.1.2.3:3306")
	}
	return nil
}

func (e *engines) Stopped(s midas.Server) bool { return e.stopped[s.Name] }

func (e *engines) Power(_ context.Context, s midas.Server, to Power) error {
	e.stopped[s.Name] = to == Stop
	e.did = append(e.did, string(to)+" "+s.Name)
	return nil
}

func (e *engines) Upgrade(_ context.Context, s midas.Server) error {
	e.did = append(e.did, "upgrade "+s.Name)
	if e.cannot {
		e.cannot = false
		return midas.Errorf(midas.Conflict, "the data was made by MySQL")
	}
	return nil
}

func poweredWorld(t *testing.T) (*world, *engines) {
	w, e := newWorld(t), &engines{stopped: map[string]bool{}}
	w.api.Backends = e
	w.api.routes = w.api.table()
	w.populate(t)
	return w, e
}

// A server that gets no backend is taken back, and not another one that has its name by then.
func TestServerThatIsTakenBackIsNoOther(t *testing.T) {
	w, e := poweredWorld(t)
	e.broken = "same"
	e.binding = func() {
		e.binding, e.broken = nil, ""
		w.want(t, http.StatusAccepted, "owner", "DELETE", servers+"same"+api, "")
		w.want(t, http.StatusCreated, "owner", "PUT", servers+"same"+api, `{"location":"eastus"}`)
		e.broken = "same"
	}
	w.want(t, http.StatusConflict, "owner", "PUT", servers+"same"+api, `{"location":"eastus"}`)
	w.want(t, http.StatusOK, "owner", "GET", servers+"same"+api, "")
}

// A server that gets no backend is refused when it is made, and is not there afterwards.
func TestServerWithoutABackendIsRefused(t *testing.T) {
	w, e := poweredWorld(t)
	e.broken = "same"
	resp, text := w.do(t, "owner", "PUT", servers+"same"+api, `{"location":"eastus"}`)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(text, "the same backend") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	w.want(t, http.StatusNotFound, "owner", "GET", servers+"same"+api, "")
	e.full = true
	resp, text = w.do(t, "owner", "PUT", servers+"more"+api, `{"location":"eastus"}`)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "server more has no backend; declare one") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	w.want(t, http.StatusNotFound, "owner", "GET", servers+"more"+api, "")
}

// Who may create a server learns that its database is down, and not where that is.
func TestServerOfASilentDatabaseIsRefused(t *testing.T) {
	w, e := poweredWorld(t)
	e.silent = "down"
	resp, text := w.do(t, "owner", "PUT", servers+"down"+api, `{"location":"eastus"}`)
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "The database behind the server does not answer.") || strings.Contains(text, "10.1.2.3") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	w.want(t, http.StatusNotFound, "owner", "GET", servers+"down"+api, "")
}

func TestServerIsStoppedAndStarted(t *testing.T) {
	w, e := poweredWorld(t)
	state := func(want string) {
		t.Helper()
		if got := w.want(t, http.StatusOK, "owner", "GET", servers+"mydb"+api, ""); !strings.Contains(got, `"state":"`+want+`"`) {
			t.Errorf("want %s: %s", want, got)
		}
	}
	state("Ready")
	w.want(t, http.StatusForbidden, "stranger", "POST", servers+"mydb/stop"+api, "")
	w.want(t, http.StatusOK, "owner", "POST", servers+"mydb/stop"+api, "")
	state("Stopped")
	w.want(t, http.StatusOK, "owner", "POST", servers+"mydb/start"+api, "")
	state("Ready")
	w.want(t, http.StatusCreated, "owner", "PUT", servers+"mydb"+locks+"l"+api, `{"properties":{"level":"ReadOnly"}}`)
	resp, text := w.do(t, "owner", "POST", servers+"mydb/restart"+api, "")
	wantFault(t, resp, text, http.StatusConflict, "ScopeLocked")
	w.want(t, http.StatusOK, "owner", "DELETE", servers+"mydb"+locks+"l"+api, "")
	w.want(t, http.StatusOK, "owner", "POST", servers+"mydb/restart"+api, "")
	w.want(t, http.StatusNotFound, "owner", "POST", servers+"nodb/restart"+api, "")
	if got := strings.Join(e.did, ", "); got != "stop mydb, start mydb, restart mydb" {
		t.Error(got)
	}
}

// A server runs the version that it is given, and keeps the one that it had when it cannot.
func TestServerVersionIsOfItsBackend(t *testing.T) {
	w, e := poweredWorld(t)
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, `{"tags":{"a":"b"}}`)
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, `{"properties":{"version":"8.4"}}`)
	e.cannot = true
	w.want(t, http.StatusConflict, "owner", "PATCH", servers+"mydb"+api, `{"properties":{"version":"mariadb10"}}`)
	if got := w.want(t, http.StatusOK, "owner", "GET", servers+"mydb"+api, ""); !strings.Contains(got, `"version":"8.4"`) {
		t.Error(got)
	}
	if got := strings.Join(e.did, ", "); got != "upgrade mydb, upgrade mydb, upgrade mydb" {
		t.Error(got)
	}
}

// shelfSettings are the parameters of one server's database.
type shelfSettings map[string]string

func (s shelfSettings) Settable(of midas.Server, name string) bool {
	return of.Name == "mydb" && name == "max_connections"
}

func (s shelfSettings) Set(_ context.Context, _ *directory.Operation, _ midas.Server, name, value string) error {
	if value == "many" {
		return midas.Errorf(midas.Invalid, "the server refuses it").WithHint("the parameter keeps its value")
	}
	if s[name] = value; value == "" {
		delete(s, name)
	}
	return nil
}

func (s shelfSettings) All(context.Context, midas.Server) (map[string]string, error) { return s, nil }

func TestParametersOfTheDatabase(t *testing.T) {
	w, set := newWorld(t), shelfSettings{}
	w.api.Settings = set
	w.populate(t)
	const all = servers + "mydb/configurations"
	value := func(status int, body string) string {
		t.Helper()
		return w.want(t, status, "owner", "PUT", all+"/MAX_connections"+api, `{"properties":{`+body+`}}`)
	}
	if got := value(http.StatusOK, `"value":"77"`); !strings.Contains(got, `"value":"77"`) || set["max_connections"] != "77" {
		t.Errorf("%s, %v", got, set)
	}
	if got := w.want(t, http.StatusOK, "owner", "GET", all+"/max_connections"+api, ""); !strings.Contains(got, `"source":"user-override","value":"77"`) {
		t.Error(got)
	}
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", all+api, "")); strings.Join(got, " ") != "aad_auth_only max_connections" {
		t.Errorf("%v", got)
	}
	if got := value(http.StatusBadRequest, `"value":"many"`); !strings.Contains(got, "the server refuses it; the parameter keeps its value") {
		t.Error(got)
	}
	value(http.StatusOK, `"source":"system-default"`)
	if len(set) > 0 {
		t.Errorf("%v", set)
	}
	// A lock, or a role that is lost meanwhile, is asked about before the database is: it sets what it is told.
	lock := servers + "mydb/providers/Microsoft.Authorization/locks/l" + api
	w.want(t, http.StatusCreated, "owner", "PUT", lock, `{"properties":{"level":"ReadOnly"}}`)
	if got := value(http.StatusConflict, `"value":"63"`); !strings.Contains(got, "ScopeLocked") || len(set) > 0 {
		t.Errorf("%s, %v", got, set)
	}
	w.want(t, http.StatusOK, "owner", "DELETE", lock, "")
	w.want(t, http.StatusNotFound, "owner", "PUT", all+"/datadir"+api, `{"properties":{"value":"/tmp"}}`)
	w.want(t, http.StatusOK, "owner", "PUT", all+"/aad_auth_only"+api, `{"properties":{"value":"ON"}}`)
}
