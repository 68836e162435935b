package metadata_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gotest.tools/v3/golden"

	"github.com/midas-mysql/midas/directory"
)

// get is a right request for anything of IMDS but a token.
func (w *world) get(path, query string) request {
	return request{
		http.MethodGet, path, query,
		http.Header{"Metadata": {"true"}, "X-Identity-Header": {secretOf(w.vm.VMID)}},
		"", "", false,
	}
}

const vmBody = `{"zones":["2"],"plan":{"name":"p","product":"q","publisher":"r"},"properties":{
"hardwareProfile":{"vmSize":"Standard_B1s"},"priority":"Spot","evictionPolicy":"Deallocate","userData":"aGVsbG8=",
"storageProfile":{"imageReference":{"publisher":"Canonical","offer":"ubuntu-24_04-lts","sku":"server","version":"latest"},
 "osDisk":{"osType":"Linux","diskSizeGB":30,"createOption":"FromImage","managedDisk":{"storageAccountType":"Premium_LRS"}}},
"osProfile":{"computerName":"myhost","adminUsername":"azureuser","linuxConfiguration":{"disablePasswordAuthentication":true,
 "ssh":{"publicKeys":[{"path":"/home/azureuser/.ssh/authorized_keys","keyData":"ssh-ed25519 AAAA"}]}}},
"securityProfile":{"securityType":"TrustedLaunch","uefiSettings":{"secureBootEnabled":true,"vTpmEnabled":true}}}}`

func (w *world) furnished() {
	w.Helper()
	var err error
	w.vm, err = w.directory.PatchVM(w.Context(), nil, group, "myVM", directory.Change{
		Tags: map[string]string{"environment": "test", "owner": "me;you"}, Body: json.RawMessage(vmBody),
	})
	w.must(err)
}

// The whole document of the newest version, with what the machine's maker said of it.
func TestInstanceDocument(t *testing.T) {
	w := newWorld(t)
	w.furnished()
	out := w.send(w.get("/metadata/instance", "api-version=2025-04-07"))
	if out.Code != 200 || out.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("status %d, %s", out.Code, out.Body)
	}
	_, subscription := w.directory.Tenant()
	text := strings.NewReplacer(w.vm.VMID, "VMID", subscription, "SUBSCRIPTION").Replace(out.Body.String())
	var indented strings.Builder
	var any any
	w.must(json.Unmarshal([]byte(text), &any))
	enc := json.NewEncoder(&indented)
	enc.SetIndent("", "  ")
	w.must(enc.Encode(any))
	golden.Assert(t, indented.String(), "instance.golden.json")
}

// A version has the members that came with it or before.
func TestInstanceVersions(t *testing.T) {
	w := newWorld(t)
	w.furnished()
	for member, introduced := range map[string]string{
		"subscriptionId": "2017-08-01", "azEnvironment": "2018-10-01", "tagsList": "2019-06-04", "osProfile": "2020-07-15",
		"userData": "2021-01-01", "resourceId": "2019-03-11", "physicalZone": "2023-11-15", "location": "2017-04-02",
	} {
		var listed struct {
			Versions []string `json:"apiVersions"`
		}
		w.must(json.Unmarshal(w.send(w.get("/metadata/versions", "")).Body.Bytes(), &listed))
		for _, version := range listed.Versions {
			if version < "2017-04-02" {
				continue
			}
			out := w.send(w.get("/metadata/instance/compute", "api-version="+version))
			var compute map[string]any
			w.must(json.Unmarshal(out.Body.Bytes(), &compute))
			if _, has := compute[member]; has != (version >= introduced) {
				t.Errorf("%s has %s: %t", version, member, has)
			}
		}
	}
}

// Paths lead to parts, which come as JSON or as text.
func TestInstancePaths(t *testing.T) {
	w := newWorld(t)
	w.furnished()
	const v = "api-version=2025-04-07"
	for _, c := range []struct {
		path, query string
		status      int
		body        string
	}{
		{"compute/location", v + "&format=text", 200, "eastus"},
		{"compute/vmSize", v + "&format=text", 200, "Standard_B1s"},
		{"Compute/VMID", v + "&format=text", 200, w.vm.VMID},
		{"compute/tags", v + "&format=text", 200, "environment:test;owner:me;you"},
		{"compute/tagsList/1/value", v + "&format=text", 200, "me;you"},
		{"compute/tagsList", v, 200, `[{"name":"environment","value":"test"},{"name":"owner","value":"me;you"}]`},
		{"compute/tagsList", v + "&format=text", 200, "0/\n1/"},
		{"compute/osProfile", v + "&format=text", 200, "adminUsername\ncomputerName\ndisablePasswordAuthentication"},
		{"compute/osProfile/disablePasswordAuthentication", v + "&format=text", 200, "true"},
		{"", v + "&format=text", 200, "compute/\nnetwork/"},
		{"network", v, 200, `{"interface":[]}`},
		{"network/interface/0", v, 404, ""},
		{"compute/nothing", v, 404, ""},
		{"compute/tagsList/00", v, 404, ""},
		{"compute/tagsList/-1", v, 404, ""},
		{"compute/location/more", v + "&format=text", 404, ""},
		{"compute/location", v, 400, ""},
		{"compute/location", v + "&format=xml", 400, ""},
		{"compute", v + "&api-version=2017-04-02", 400, ""},
		{"compute", "api-version=2022-01-01", 400, `{"error":"Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds","newest-versions":["2025-04-07","2024-07-17","2024-03-15"]}`},
		{"compute", "", 400, ""},
	} {
		out := w.send(w.get("/metadata/instance/"+c.path, c.query))
		if out.Code != c.status || c.body != "" && out.Body.String() != c.body {
			t.Errorf("%s?%s: status %d, %q", c.path, c.query, out.Code, out.Body)
		}
	}
	bare := w.get("/metadata/instance", v)
	for name, change := range map[string]func(http.Header){
		"no header":    func(h http.Header) { h.Del("Metadata") },
		"no secret":    func(h http.Header) { h.Del("X-Identity-Header") },
		"through one":  func(h http.Header) { h.Set("X-Forwarded-For", "10.0.0.1") },
		"wrong secret": func(h http.Header) { h.Set("X-Identity-Header", w.vm.VMID+".guess") },
	} {
		r := bare
		r.header = bare.header.Clone()
		change(r.header)
		if out := w.send(r); out.Code != 400 && out.Code != 401 || strings.Contains(out.Body.String(), w.vm.VMID) {
			t.Errorf("%s: status %d, %s", name, out.Code, out.Body)
		}
	}
}

// What else there is: versions without a version, the tenant, and no events.
func TestOtherDocuments(t *testing.T) {
	w := newWorld(t)
	if out := w.send(w.get("/metadata/identity/info", "api-version=2018-02-01")); out.Code != 400 {
		t.Errorf("status %d: a machine without identity has a tenant", out.Code)
	}
	w.identity("myManagedIdentity")
	tenant, _ := w.directory.Tenant()
	for _, c := range []struct {
		path, query string
		status      int
		body        string
	}{
		{"/metadata/identity/info", "api-version=2018-02-01", 200, `{"tenantId":"` + tenant + `"}`},
		{"/metadata/identity/info", "api-version=2017-12-01", 400, ""},
		{"/metadata/versions", "", 200, ""},
		{"/metadata/scheduledevents", "api-version=2020-07-01", 400, ""},
		{"/metadata/scheduledevents", "api-version=2019-08-01", 200, `{"DocumentIncarnation":1,"Events":[]}`},
	} {
		out := w.send(w.get(c.path, c.query))
		if out.Code != c.status || c.body != "" && strings.TrimSpace(out.Body.String()) != c.body {
			t.Errorf("%s?%s: status %d, %s", c.path, c.query, out.Code, out.Body)
		}
	}
}
