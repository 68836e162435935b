package arm

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

// shelf is a backend of each server that keeps names.
type shelf map[string][]Database

func (s shelf) List(_ context.Context, of midas.Server, after string, limit int) (part []Database, err error) {
	for _, d := range s[of.Name] {
		if d.Name > after && len(part) < limit {
			part = append(part, d)
		}
	}
	return part, nil
}

func (s shelf) Named(_ context.Context, of midas.Server, name string) (found []Database, err error) {
	for _, d := range s[of.Name] {
		if strings.EqualFold(d.Name, name) {
			found = append(found, d)
		}
	}
	return found, nil
}

func (s shelf) Create(_ context.Context, of midas.Server, d Database) error {
	s[of.Name] = append(s[of.Name], d)
	return nil
}

func TestDatabases(t *testing.T) {
	w := newWorld(t)
	made := shelf{}
	w.api.Databases = made
	w.api.routes = w.api.table()
	w.populate(t)
	const all = servers + "mydb/databases"
	w.want(t, http.StatusCreated, "owner", "PUT", all+"/shop"+api, `{"properties":{"charset":"utf8","collation":"utf8_general_ci"}}`)
	want := `{"id":"/subscriptions/` + w.sub + `/resourceGroups/rg/providers/Microsoft.DBforMySQL/flexibleServers/mydb/databases/shop","name":"shop",` +
		`"properties":{"charset":"utf8","collation":"utf8_general_ci"},"type":"Microsoft.DBforMySQL/flexibleServers/databases"}`
	if diff := cmp.Diff(want, strings.TrimSpace(w.want(t, http.StatusOK, "owner", "GET", all+"/SHOP"+api, ""))); diff != "" {
		t.Error(diff)
	}
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", all+api, "")); len(got) != 1 || got[0] != "shop" {
		t.Errorf("%v", got)
	}
	// Another server has none of them.
	w.want(t, http.StatusCreated, "owner", "PUT", servers+"second"+api, `{"location":"eastus"}`)
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", servers+"second/databases"+api, "")); len(got) != 0 {
		t.Errorf("another server shows %v", got)
	}
	for _, name := range []string{"a`b", "a b", "ä", strings.Repeat("x", 65)} {
		w.want(t, http.StatusBadRequest, "owner", "PUT", all+"/"+strings.NewReplacer("`", "%60", " ", "%20").Replace(name)+api, `{"properties":{}}`)
	}
	w.want(t, http.StatusBadRequest, "owner", "PUT", all+"/x"+api, `{"properties":{"charset":"utf8; DROP"}}`)
	w.want(t, http.StatusNotFound, "owner", "PUT", servers+"other/databases/x"+api, `{"properties":{}}`)
	w.want(t, http.StatusNotFound, "owner", "GET", all+"/other"+api, "")
	if len(made["mydb"]) != 1 || len(made) != 1 {
		t.Errorf("made %v", made)
	}
}

// TestDatabasesComeInPages: those who may make databases would otherwise have as many of them as they
// like in one answer.
func TestDatabasesComeInPages(t *testing.T) {
	w := newWorld(t)
	made := shelf{}
	for i := range pageSize + 1 {
		made["mydb"] = append(made["mydb"], Database{Name: fmt.Sprintf("d%06d", i)})
	}
	w.api.Databases = made
	w.api.routes = w.api.table()
	w.populate(t)
	const all = servers + "mydb/databases"
	first := w.want(t, http.StatusOK, "owner", "GET", all+api, "")
	if got := names(t, first); len(got) != pageSize || !strings.Contains(first, "skiptoken") {
		t.Errorf("%d on the first page", len(got))
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(tokenVersion + "d000999"))
	last := w.want(t, http.StatusOK, "owner", "GET", all+api+"&$skiptoken="+token, "")
	if got := names(t, last); len(got) != 1 || got[0] != "d001000" || strings.Contains(last, "nextLink") {
		t.Errorf("on the last page: %v", got)
	}
}

func TestFirewallRulesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	resp, text := w.do(t, "owner", "PUT", servers+"mydb/firewallRules/all"+api, `{"properties":{"startIpAddress":"0.0.0.0","endIpAddress":"255.255.255.255"}}`)
	wantFault(t, resp, text, http.StatusBadRequest, "FirewallRulesNotSupported")
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", servers+"mydb/firewallRules"+api, "")); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestServerCatalog(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const at = sub + "/providers/Microsoft.DBforMySQL"
	for _, path := range []string{at + "/checkNameAvailability", at + "/locations/eastus/checkNameAvailability"} {
		for name, want := range map[string]string{"mydb": `"nameAvailable":false`, "MYDB": `"nameAvailable":false`, "other": `"nameAvailable":true`} {
			text := w.want(t, http.StatusOK, "owner", "POST", path+api, `{"name":"`+name+`","type":"Microsoft.DBforMySQL/flexibleServers"}`)
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s", name, text)
			}
		}
		w.want(t, http.StatusBadRequest, "owner", "POST", path+api, `{"name":"x","type":"other"}`)
	}
	text := w.want(t, http.StatusOK, "owner", "GET", at+"/locations/eastus/capabilities"+api, "")
	for _, want := range []string{"Burstable", "Standard_B1ms", "8.0.21"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestLockedServerGetsNoDatabase: neither by itself nor as part of a deployment.
func TestLockedServerGetsNoDatabase(t *testing.T) {
	w := newWorld(t)
	made := shelf{}
	w.api.Databases = made
	w.api.routes = w.api.table()
	w.populate(t)
	w.want(t, http.StatusCreated, "owner", "PUT", servers+"mydb"+locks+"l"+api, `{"properties":{"level":"ReadOnly"}}`)
	resp, text := w.do(t, "owner", "PUT", servers+"mydb/databases/shop"+api, `{"properties":{}}`)
	wantFault(t, resp, text, http.StatusConflict, "ScopeLocked")
	template := deploymentBody(`{"resources":[{"type":"Microsoft.DBforMySQL/flexibleServers/databases","name":"mydb/shop","apiVersion":"1","properties":{}}]}`, `{}`)
	resp, text = w.do(t, "owner", "PUT", deployments+"d"+api, template)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(text, "ScopeLocked") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if len(made) > 0 {
		t.Errorf("made %v", made)
	}
	w.want(t, http.StatusOK, "owner", "DELETE", servers+"mydb"+locks+"l"+api, "")
	w.want(t, http.StatusCreated, "owner", "PUT", deployments+"d"+api, template)
}
