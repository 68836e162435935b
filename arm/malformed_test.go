package arm

import (
	"net/http"
	"strings"
	"testing"
)

// TestMalformedResourcesChangeNothing: what a client meant otherwise is refused in words
// that say where it stands, and what is kept stays.
func TestMalformedResourcesChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	const kept = `{"properties":{"hardwareProfile":{"vmSize":"Standard_B1s"}},"sku":{"name":"s"},"zones":["1"]}`
	w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, kept)
	w.want(t, http.StatusOK, "owner", "PATCH", servers+"mydb"+api, kept)
	app := strings.ReplaceAll(ids, "{sub}", w.sub) + "app"
	before := w.dump(t)
	for _, tc := range []struct{ method, target, body, want string }{
		{"PATCH", vms + "vm", `{"properties":5}`, "The member 'properties' must be an object, and is a number. Path 'properties', line 1, position 15"},
		{"PATCH", vms + "vm", `{"Properties":[]}`, "The member 'Properties' must be an object, and is an array."},
		{"PUT", vms + "vm", `{"location":"eastus","properties":"x"}`, "'properties' must be an object, and is a string"},
		{"PUT", vms + "new", `{"location":"eastus","properties":[1]}`, "'properties' must be an object, and is an array"},
		{"PATCH", vms + "vm", `{"zones":5}`, "'zones' must be an array, and is a number"},
		{"PATCH", vms + "vm", `{"zones":["1",2]}`, "'zones[1]' must be a string, and is a number"},
		{"PATCH", vms + "vm", `{"plan":"x"}`, "'plan' must be an object"},
		{"PATCH", servers + "mydb", `{"sku":7}`, "'sku' must be an object"},
		{"PATCH", servers + "mydb", `{"properties":"x"}`, "'properties' must be an object"},
		{"PUT", rg + "/providers/Microsoft.Network/virtualNetworks/n", `{"location":"eastus","properties":true}`, "'properties' must be an object, and is true or false"},
		{"PATCH", vms + "vm", `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + app + `":5}}}`, app + "' must be an object, and is a number"},
		{"PATCH", vms + "vm", `{"identity":{"type":"UserAssigned","userAssignedIdentities":["` + app + `"]}}`, "'identity.userAssignedIdentities' must be an object, and is an array"},
		{"PUT", ids + "app", "{\n  \"location\": 5\n}", "The member 'location' must be a string, and is a number. Path 'location', line 2, position 15"},
		{"PUT", ids + "app", `{"location":"eastus","tags":{"a":"b","c":{}}}`, "The member 'tags.c' must be a string, and is an object. Path 'tags.c', line 1, position "},
		{"PUT", ids + "app", `{"location":"eastus"`, "It is not well-formed JSON: unexpected end of JSON input. Line 1, position 20"},
		{"PUT", ids + "app", `{"location":"eastus",}`, "It is not well-formed JSON: "},
		{"PATCH", vms + "vm", `{"foo":1}`, "Could not find member 'foo' on object of type 'ResourceDefinition'. Path 'foo', line 1, position 6"},
		{"PATCH", servers + "mydb", `{"administratorLogin":"x"}`, "Could not find member 'administratorLogin'"},
		{"PUT", ids + "app", `{"location":"eastus","foo":null}`, "Could not find member 'foo'"},
		{"PUT", rg, `{"location":"eastus","foo":{}}`, "Could not find member 'foo'"},
		{"PATCH", rg, `{"tag":{"a":"b"}}`, "Could not find member 'tag'"},
		{"PUT", rg + "/providers/Microsoft.Network/virtualNetworks/n", `{"location":"eastus","subnets":[]}`, "Could not find member 'subnets'"},
		{"PUT", ids + "app", `{"location":"eastus","location":"westus"}`, "The member 'location' is there more than once. Path 'location', line 1, position 31"},
		{"PATCH", vms + "vm", `{"properties":{"a":[{"b":1,"B":2}]}}`, "The member 'B' is there more than once. Path 'properties.a[0].B', line 1"},
		{"PATCH", rg, `{"tags":{"env":"a","Env":"b"}}`, "The member 'Env' is there more than once. Path 'tags.Env'"},
		{"PATCH", vms + "vm", "{\"tags\":{\"a\":\"\xff\"}}", "It is not valid UTF-8. Line 1, position 14"},
		{"PUT", rg + locks + "l", `{"properties":{"level":5}}`, "The member 'properties.level' must be a string, and is a number"},
	} {
		resp, text := w.do(t, "owner", tc.method, tc.target+api, tc.body)
		wantFault(t, resp, text, http.StatusBadRequest, "InvalidRequestContent")
		if !strings.Contains(text, tc.want) {
			t.Errorf("%s %q: %s, want %s", tc.method, tc.body, text, tc.want)
		}
		for _, internal := range []string{"json:", "Go ", "resourceBody", "unmarshal"} {
			if strings.Contains(text, internal) {
				t.Errorf("%s %q tells of %q: %s", tc.method, tc.body, internal, text)
			}
		}
	}
	// A deployment says the same of a template.
	resp, text := w.do(t, "owner", "PUT", rg+"/providers/Microsoft.Resources/deployments/d"+api, `{"properties":{"mode":"Incremental","template":{"resources":5}}}`)
	wantFault(t, resp, text, http.StatusBadRequest, "InvalidTemplate")
	if !strings.Contains(text, "The member 'resources' must be an array, and is a number.") {
		t.Error(text)
	}
	if diff := before.changed(w.dump(t)); diff != "" {
		t.Errorf("refused requests changed something: %s", diff)
	}
}

// TestWhatIsShownMayBeSentBack: clients read a resource, change it and send the whole.
func TestWhatIsShownMayBeSentBack(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	full := `{"location":"eastus","apiVersion":"2024-11-01","Properties":{"n":12345678901234567890},"sku":{"name":"s"},"plan":null,"zones":["1"],
		"kind":"k","managedBy":"m","extendedLocation":{"name":"e","type":"EdgeZone"},"placement":{},"systemData":{},"etag":"x","resources":[]}`
	w.want(t, http.StatusOK, "owner", "PUT", vms+"vm"+api, full)
	for _, path := range []string{vms + "vm", servers + "mydb", ids + "app", rg} {
		text := w.want(t, http.StatusOK, "owner", "GET", path+api, "")
		if again := w.want(t, http.StatusOK, "owner", "PUT", path+api, text); again != text {
			t.Errorf("%s: %s, want %s", path, again, text)
		}
	}
	text := w.want(t, http.StatusOK, "owner", "PATCH", vms+"vm"+api, `{"properties":null}`)
	for _, part := range []string{`"n":12345678901234567890`, `"zones":["1"]`, `"kind":"k"`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
}

// TestMembersHaveOneName: what two requests spell in different case is one member, and what
// midas says of a resource stands alone; so what is shown may be sent back.
func TestMembersHaveOneName(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	for path, bodies := range map[string][]string{
		vms + "vm":       {`{"properties":{"hardwareProfile":{"vmSize":"a","x":1}}}`, `{"properties":{"HardwareProfile":{"VMSize":"b","X":null},"VMID":"theirs"}}`},
		servers + "mydb": {`{"properties":{"storage":{"iops":1}}}`, `{"properties":{"Storage":{"IOPS":2},"FullyQualifiedDomainName":"theirs","provisioningstate":"theirs"}}`},
	} {
		for _, body := range bodies {
			w.want(t, http.StatusOK, "owner", "PATCH", path+api, body)
		}
		text := w.want(t, http.StatusOK, "owner", "GET", path+api, "")
		if strings.Contains(text, "theirs") || strings.Contains(text, `"X"`) || !strings.Contains(text, `"vmSize":"b"`) && !strings.Contains(text, `"iops":2`) {
			t.Error(text)
		}
		if again := w.want(t, http.StatusOK, "owner", "PUT", path+api, text); again != text {
			t.Errorf("%s, want %s", again, text)
		}
	}
}
