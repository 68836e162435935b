package arm

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vmTemplate has the form that az gives it: a network, and a machine in it.
var vmTemplate = func() string {
	text, err := os.ReadFile("../internal/armtemplate/testdata/vm.json")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}()

const deployments = rg + "/providers/Microsoft.Resources/deployments/"

func deploymentBody(template, parameters string) string {
	return `{"properties":{"mode":"Incremental","template":` + template + `,"parameters":` + parameters + `}}`
}

const withPassword = `{"adminPassword":{"value":"hunter2"}}`

func TestDeployment(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	w.want(t, http.StatusOK, "owner", "POST", deployments+"d/validate"+api, deploymentBody(vmTemplate, withPassword))
	w.want(t, http.StatusNotFound, "owner", "GET", vms+"vm"+api, "")

	made := w.want(t, http.StatusCreated, "owner", "PUT", deployments+"d"+api, deploymentBody(vmTemplate, withPassword))
	vm := w.want(t, http.StatusOK, "owner", "GET", vms+"vm"+api+"&$expand=instanceView", "")
	network := w.want(t, http.StatusOK, "owner", "GET", rg+"/providers/Microsoft.Network/virtualNetworks/VMVNET"+api, "")
	kept := w.want(t, http.StatusOK, "owner", "GET", deployments+"d"+api, "")
	for what, text := range map[string]string{"deployment": made, "machine": vm, "kept deployment": kept} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the %s shows a secret: %s", what, text)
		}
	}
	var shown struct {
		Location   string
		Tags       map[string]string
		Identity   struct{ Type, PrincipalID string }
		Properties struct {
			HardwareProfile struct{ VMSize string }
			InstanceView    struct{ Statuses []struct{ Code string } }
			AddressSpace    struct{ AddressPrefixes []string }
			Outputs         map[string]struct{ Value any }
			OutputResources []struct{ ID string }
		}
	}
	if err := json.Unmarshal([]byte(vm), &shown); err != nil || shown.Location != "eastus" || shown.Properties.HardwareProfile.VMSize != "Standard_B1s" ||
		shown.Tags["kind"] != "test" || shown.Identity.Type != "SystemAssigned" || shown.Properties.InstanceView.Statuses[0].Code != "ProvisioningState/succeeded" {
		t.Errorf("%v %s", err, vm)
	}
	principal := shown.Identity.PrincipalID
	if err := json.Unmarshal([]byte(network), &shown); err != nil || shown.Properties.AddressSpace.AddressPrefixes[0] != "10.0.0.0/16" {
		t.Errorf("%v %s", err, network)
	}
	if err := json.Unmarshal([]byte(kept), &shown); err != nil || shown.Properties.Outputs["who"].Value != principal || shown.Properties.Outputs["hidden"].Value != nil {
		t.Errorf("%v %s", err, kept)
	}
	var order []string
	for _, r := range shown.Properties.OutputResources {
		order = append(order, r.ID[strings.LastIndex(r.ID, "/")+1:])
	}
	if diff := cmp.Diff([]string{"vmVNET", "vmNIC", "vm"}, order); diff != "" {
		t.Error(diff)
	}
	w.want(t, http.StatusOK, "owner", "PUT", deployments+"d"+api, deploymentBody(vmTemplate, withPassword)) // again is the same
	w.want(t, http.StatusOK, "owner", "DELETE", deployments+"d"+api, "")
	w.want(t, http.StatusOK, "owner", "GET", vms+"vm"+api, "")
}

// What a template asks for needs the permissions that each of its resources needs alone.
func TestDeploymentGrantsNothing(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	operator := w.principal(t, "contributor")
	w.grant(t, operator, "Contributor", rg)
	w.want(t, http.StatusCreated, "contributor", "PUT", deployments+"d"+api, deploymentBody(vmTemplate, withPassword))

	reader := w.principal(t, "machines")
	w.grant(t, reader, "Virtual Machine Contributor", rg)
	identity := strings.ReplaceAll(ids, "{sub}", w.sub) + "app"
	for name, resource := range map[string]string{
		"a role": `{"type":"Microsoft.Authorization/roleAssignments","name":"cccccccc-0000-4000-8000-00000000aaaa","apiVersion":"1","properties":{"roleDefinitionId":"x","principalId":"` + operator + `"}}`,
	} {
		resp, text := w.do(t, "contributor", "PUT", deployments+"e"+api, deploymentBody(`{"resources":[`+resource+`]}`, `{}`))
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "roleAssignments/write") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	// The role lets one make machines, and neither identities nor give them away.
	for _, resource := range []string{
		`{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","name":"fresh","apiVersion":"1","location":"eastus"}`,
		`{"type":"Microsoft.Compute/virtualMachines","name":"vm9","apiVersion":"1","location":"eastus","identity":{"type":"UserAssigned","identityIds":["` + identity + `"]}}`,
	} {
		resp, text := w.do(t, "machines", "PUT", deployments+"e"+api, deploymentBody(`{"resources":[`+resource+`]}`, `{}`))
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d %s", resource, resp.StatusCode, text)
		}
	}
	w.want(t, http.StatusNotFound, "owner", "GET", vms+"vm9"+api, "")
}

// Locks and the activity log see each resource of a deployment.
func TestDeploymentObeysLocks(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	w.want(t, http.StatusCreated, "owner", "PUT", deployments+"d"+api, deploymentBody(vmTemplate, withPassword))
	log := w.want(t, http.StatusOK, "owner", "GET", sub+"/providers/Microsoft.Insights/eventtypes/management/values"+api, "")
	for _, action := range []string{"Microsoft.Compute/virtualMachines/write", "Microsoft.Network/virtualNetworks/write", "Microsoft.Resources/deployments/write"} {
		if !strings.Contains(log, action) {
			t.Errorf("the activity log knows nothing of %s", action)
		}
	}
	w.want(t, http.StatusCreated, "owner", "PUT", vms+"vm/providers/Microsoft.Authorization/locks/l"+api, `{"properties":{"level":"ReadOnly"}}`)
	resp, text := w.do(t, "owner", "PUT", deployments+"d"+api, deploymentBody(vmTemplate, withPassword))
	if resp.StatusCode != http.StatusConflict || !strings.Contains(text, "DeploymentFailed") || !strings.Contains(text, "ScopeLocked") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

func TestDeploymentsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	const vnet = `{"type":"Microsoft.Network/virtualNetworks","name":"n","apiVersion":"1","location":"eastus"`
	for name, test := range map[string]struct{ body, code, says string }{
		"not JSON":             {`{`, "InvalidRequestContent", ""},
		"no template":          {`{"properties":{"mode":"Incremental"}}`, "InvalidTemplate", "the template is missing"},
		"a link":               {`{"properties":{"mode":"Incremental","templateLink":{"uri":"http://127.0.0.1"}}}`, "InvalidTemplate", "'templateLink' of a deployment is not supported"},
		"mode Complete":        {`{"properties":{"mode":"Complete","template":{}}}`, "InvalidTemplate", "not supported here"},
		"a loop of copies":     {deploymentBody(`{"resources":[`+vnet+`,"copy":{"name":"c","count":2}}]}`, `{}`), "InvalidTemplate", `unknown field "copy"`},
		"a condition":          {deploymentBody(`{"resources":[`+vnet+`,"condition":false}]}`, `{}`), "InvalidTemplate", `unknown field "condition"`},
		"functions of its own": {deploymentBody(`{"functions":[]}`, `{}`), "InvalidTemplate", `unknown field "functions"`},
		"an unknown function":  {deploymentBody(`{"resources":[{"type":"A/b","name":"[uniqueString('x')]"}]}`, `{}`), "InvalidTemplate", "'uniqueString' is not known"},
		"a parameter missing":  {deploymentBody(vmTemplate, `{}`), "InvalidTemplate", "'adminPassword' is not provided"},
		"a parameter too many": {deploymentBody(`{}`, `{"x":{"value":1}}`), "InvalidTemplate", "'x' is not in the template"},
		"another size":         {deploymentBody(vmTemplate, `{"adminPassword":{"value":"p"},"size":{"value":"huge"}}`), "InvalidTemplate", "not among the allowed"},
		"a vault's secret":     {deploymentBody(vmTemplate, `{"adminPassword":{"reference":{}}}`), "InvalidTemplate", "has no 'value'"},
		"an unknown type":      {deploymentBody(`{"resources":[{"type":"Microsoft.Storage/storageAccounts","name":"n"}]}`, `{}`), "InvalidResourceNamespace", "Microsoft.Storage"},
		"a nested deployment":  {deploymentBody(`{"resources":[{"type":"Microsoft.Resources/deployments","name":"n","properties":{"mode":"Incremental"}}]}`, `{}`), "InvalidTemplate", "a deployment within a deployment is not supported"},
		"a circle":             {deploymentBody(`{"resources":[`+vnet+`,"dependsOn":["m"]},{"type":"Microsoft.Network/virtualNetworks","name":"m","dependsOn":["n"]}]}`, `{}`), "InvalidTemplate", "in a circle"},
		"depends on nothing":   {deploymentBody(`{"resources":[`+vnet+`,"dependsOn":["m"]}]}`, `{}`), "InvalidTemplate", "not in the template"},
		"twice the same":       {deploymentBody(`{"resources":[`+vnet+`},`+vnet+`}]}`, `{}`), "InvalidTemplate", "defined twice"},
		"half a name":          {deploymentBody(`{"resources":[{"type":"Microsoft.Network/virtualNetworks/subnets","name":"n"}]}`, `{}`), "InvalidTemplate", "as many parts"},
		"out of its group":     {deploymentBody(`{"resources":[{"type":"Microsoft.Network/virtualNetworks","name":".."}]}`, `{}`), "MissingSubscription", ""},
	} {
		resp, text := w.do(t, "owner", "PUT", deployments+"d"+api, test.body)
		var envelope struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(text), &envelope); err != nil || resp.StatusCode < 400 || resp.StatusCode >= 500 ||
			envelope.Error.Code != test.code || !strings.Contains(envelope.Error.Message, test.says) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	if left := names(t, w.want(t, http.StatusOK, "owner", "GET", rg+"/providers/Microsoft.Network/virtualNetworks"+api, "")); len(left) > 0 {
		t.Errorf("refused templates left %v", left)
	}
}

func TestNetworksAreKept(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for _, kind := range networkTypes {
		all := "/providers/" + kind
		one := rg + all + "/one"
		w.want(t, http.StatusNotFound, "owner", "GET", one+api, "")
		w.want(t, http.StatusCreated, "owner", "PUT", one+api, `{"location":"East US","tags":{"a":"b"},"properties":{"x":{"y":9007199254740993}}}`)
		w.want(t, http.StatusConflict, "owner", "PUT", one+api, `{"location":"westus2"}`)
		w.want(t, http.StatusBadRequest, "owner", "PUT", one+api, `{"location":"eastus","identity":{"type":"SystemAssigned"}}`)
		w.want(t, http.StatusBadRequest, "owner", "PUT", rg+all+"/-x"+api, `{"location":"eastus"}`)
		w.want(t, http.StatusNotFound, "owner", "PUT", sub+"/resourceGroups/none"+all+"/one"+api, `{"location":"eastus"}`)
		want := `{"id":"/subscriptions/` + w.sub + `/resourceGroups/rg` + all + `/one","location":"eastus","name":"one","properties":{"provisioningState":"Succeeded","x":{"y":9007199254740993}},"tags":{"a":"b"},"type":"` + kind + `"}`
		if diff := cmp.Diff(want, strings.TrimSpace(w.want(t, http.StatusOK, "owner", "GET", rg+strings.ToUpper(all+"/one")+api, ""))); diff != "" {
			t.Error(diff)
		}
		for _, at := range []string{rg, sub} {
			if got := names(t, w.want(t, http.StatusOK, "owner", "GET", at+all+api, "")); len(got) != 1 || got[0] != "one" {
				t.Errorf("%s: %v", at, got)
			}
		}
		if got := names(t, w.want(t, http.StatusOK, "owner", "GET", sub+"/resourceGroups/other"+all+api, "")); len(got) != 0 {
			t.Errorf("in another group: %v", got)
		}
		w.want(t, http.StatusOK, "owner", "DELETE", one+api, "")
		w.want(t, http.StatusNoContent, "owner", "DELETE", one+api, "")
		w.want(t, http.StatusCreated, "owner", "PUT", one+api, `{"location":"eastus"}`)
	}
	w.want(t, http.StatusAccepted, "owner", "DELETE", rg+api, "")
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location":"eastus"}`)
	if got := names(t, w.want(t, http.StatusOK, "owner", "GET", sub+"/providers/"+networkTypes[0]+api, "")); len(got) != 0 {
		t.Errorf("networks outlive their group: %v", got)
	}
}
