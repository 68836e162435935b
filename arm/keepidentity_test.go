package arm

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestPutWithoutIdentityKeepsIt: a template that is deployed again without the block leaves
// identities alone; "None" takes them away.
func TestPutWithoutIdentityKeepsIt(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	app := strings.ReplaceAll(ids, "{sub}", w.sub) + "app"
	users := `"userAssignedIdentities":{"` + app + `":{}}`
	shown := func(path string) string {
		t.Helper()
		var body struct{ Identity json.RawMessage }
		if err := json.Unmarshal([]byte(w.want(t, http.StatusOK, "owner", "GET", path+api, "")), &body); err != nil {
			t.Fatal(err)
		}
		return string(body.Identity)
	}
	for path, identity := range map[string]string{
		vms + "vm":       `{"type":"SystemAssigned, UserAssigned",` + users + `}`,
		servers + "mydb": `{"type":"UserAssigned",` + users + `}`,
	} {
		for _, none := range []string{`{"type":"None"}`, `{}`, `null`} {
			w.want(t, http.StatusOK, "owner", "PUT", path+api, `{"location":"eastus","identity":`+identity+`}`)
			before := shown(path)
			w.want(t, http.StatusOK, "owner", "PUT", path+api, `{"location":"eastus"}`)
			if after := shown(path); before == "" || after != before {
				t.Errorf("%s: %s, want %s", path, after, before)
			}
			w.want(t, http.StatusOK, "owner", "PATCH", path+api, `{"identity":null}`)
			if after := shown(path); after != before {
				t.Errorf("%s: %s, want %s", path, after, before)
			}
			w.want(t, http.StatusOK, "owner", "PUT", path+api, `{"location":"eastus","identity":`+none+`}`)
			if after := shown(path); after != "" {
				t.Errorf("%s after %s: %s", path, none, after)
			}
		}
	}
	// The template's own way to say so.
	const deploy = rg + "/providers/Microsoft.Resources/deployments/d" + api
	template := func(identity string) string {
		return `{"properties":{"mode":"Incremental","template":{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0",
			"resources":[{"type":"Microsoft.Compute/virtualMachines","apiVersion":"2024-11-01","name":"vm","location":"eastus"` + identity + `}]}}}`
	}
	w.want(t, http.StatusCreated, "owner", "PUT", deploy, template(`,"identity":{"type":"SystemAssigned"}`))
	before := shown(vms + "vm")
	w.want(t, http.StatusOK, "owner", "PUT", deploy, template(""))
	if after := shown(vms + "vm"); before == "" || after != before {
		t.Errorf("%s, want %s", after, before)
	}
	w.want(t, http.StatusOK, "owner", "PUT", deploy, template(`,"identity":{"type":"None"}`))
	if after := shown(vms + "vm"); after != "" {
		t.Error(after)
	}
}

// TestPutNeedsATypeOfIdentity of a server as of a machine.
func TestPutNeedsATypeOfIdentity(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	app := strings.ReplaceAll(ids, "{sub}", w.sub) + "app"
	for _, path := range []string{vms + "vm", servers + "mydb"} {
		resp, text := w.do(t, "owner", "PUT", path+api, `{"location":"eastus","identity":{"userAssignedIdentities":{"`+app+`":{}}}}`)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidParameter")
	}
}
