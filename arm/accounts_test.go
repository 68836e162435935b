package arm

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
)

// confirmations remembers what was confirmed.
type confirmations []string

func (c *confirmations) RestoreAccounts(_ context.Context, server midas.Server, user string) ([]account.Restored, error) {
	*c = append(*c, server.Name+"/"+user)
	if user == "gone" {
		return nil, midas.Errorf(midas.Unavailable, "the backend does not answer")
	}
	a := account.Account{User: "app", Host: "%", ID: "11111111-2222-3333-4444-555555555555", Kind: midas.KindService}
	return []account.Restored{{Account: a, Restored: true, Reason: "it was old"}}, nil
}

const testKey = "0123456789abcdef"

func (c *confirmations) ServerKey(context.Context, midas.Server) (account.KeyState, error) {
	return account.KeyState{Version: 1, ID: testKey}, nil
}

func (c *confirmations) RotateServerKey(_ context.Context, server midas.Server) (account.KeyState, error) {
	*c = append(*c, server.Name+" rotated")
	return account.KeyState{Version: 2, ID: testKey}, nil
}

// A reader of a server sees the version of its key, and who may change the server changes it.
func TestServerKey(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const path, rotate = servers + "mydb/serverKey" + api, servers + "mydb/rotateServerKey" + api
	w.want(t, http.StatusNotFound, "owner", "GET", path, "") // none here
	var said confirmations
	cfg := w.api.Config
	cfg.Accounts = &said
	changed, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	*w.api = *changed
	for role, status := range map[string][2]int{
		"Reader": {http.StatusOK, http.StatusForbidden}, "": {http.StatusForbidden, http.StatusForbidden}, "Contributor": {http.StatusOK, http.StatusOK},
	} {
		name := "has" + role
		id := w.principal(t, name)
		if role != "" {
			w.grant(t, id, role, rg)
		}
		if text := w.want(t, status[0], name, "GET", path, ""); status[0] == http.StatusOK && (!strings.Contains(text, `"version":1`) || !strings.Contains(text, testKey)) {
			t.Error(text)
		}
		if text := w.want(t, status[1], name, "POST", rotate, `{}`); status[1] == http.StatusOK && !strings.Contains(text, `"version":2`) {
			t.Error(text)
		}
	}
	if len(said) != 1 || said[0] != "mydb rotated" {
		t.Errorf("rotated: %v", said)
	}
	w.want(t, http.StatusNotFound, "owner", "POST", servers+"none/rotateServerKey"+api, `{}`)
	text := w.want(t, http.StatusOK, "owner", "GET", sub+"/providers/Microsoft.Insights/eventtypes/management/values"+api, "")
	if n := strings.Count(text, `"operationName":{"localizedValue":"`+serverType+`/rotateServerKey/action"`); n < 1 {
		t.Errorf("%d events of %s", n, text)
	}
}

// Anyone who may change a server may say that its old accounts are right, and nobody else.
func TestRestoreAccounts(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const path = servers + "mydb/restoreAadUsers" + api
	w.want(t, http.StatusNotFound, "owner", "POST", path, `{}`) // none here
	var said confirmations
	cfg := w.api.Config
	cfg.Accounts = &said
	changed, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	*w.api = *changed
	for role, status := range map[string]int{"Reader": http.StatusForbidden, "Managed Identity Contributor": http.StatusForbidden, "": http.StatusForbidden, "Contributor": http.StatusOK} {
		name := "has" + role
		id := w.principal(t, name)
		if role != "" {
			w.grant(t, id, role, rg)
		}
		text := w.want(t, status, name, "POST", path, `{"userName":"app"}`)
		if status == http.StatusOK && !strings.Contains(text, `"userName":"app"`) {
			t.Error(text)
		}
	}
	if len(said) != 1 || said[0] != "mydb/app" {
		t.Errorf("confirmed: %v", said)
	}
	w.want(t, http.StatusOK, "owner", "POST", path, `{}`)
	w.want(t, http.StatusBadRequest, "owner", "POST", path, `{"userName":7}`)
	w.want(t, http.StatusNotFound, "owner", "POST", servers+"none/restoreAadUsers"+api, `{}`)
	w.want(t, http.StatusServiceUnavailable, "owner", "POST", path, `{"userName":"gone"}`)
	text := w.want(t, http.StatusOK, "owner", "GET", sub+"/providers/Microsoft.Insights/eventtypes/management/values"+api, "")
	if n := strings.Count(text, `"operationName":{"localizedValue":"`+serverType+`/restoreAadUsers/action"`); n < 2 {
		t.Errorf("%d events of %s", n, text)
	}
}
