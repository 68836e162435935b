package arm

import (
	"net/http"
	"strings"
	"testing"
)

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

// TestGroupsAreNotFoundByTheirResources: to whoever reads nothing in a group, one that is
// there and one that is not are alike.
func TestGroupsAreNotFoundByTheirResources(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	who := w.principal(t, "narrow")
	w.grant(t, who, "Reader", strings.ReplaceAll(ids, "/rg/", "/other/")+"far")
	for _, name := range []string{"rg", "none"} {
		resp, text := w.do(t, "narrow", "GET", sub+"/resourceGroups/"+name+"/resources"+api, "")
		wantFault(t, resp, text, http.StatusForbidden, "AuthorizationFailed")
	}
	for _, path := range []string{sub + "/resourceGroups/other", sub} {
		if got := names(t, w.want(t, http.StatusOK, "narrow", "GET", path+"/resources"+api, "")); strings.Join(got, " ") != "far" {
			t.Errorf("%s: %q", path, got)
		}
	}
}
