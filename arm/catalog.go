package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
)

const serverNamespace = "Microsoft.DBforMySQL"

// routeCatalog adds what clients ask before they make a server.
func (a *API) routeCatalog(t *routes) {
	const at = subscription + "/providers/" + serverNamespace
	t.add(http.MethodGet, at+"/locations/{location}/capabilities", serverNamespace+"/locations/capabilities/read", a.listCapabilities).audience = anyRole
	for _, path := range []string{at + "/checkNameAvailability", at + "/locations/{location}/checkNameAvailability"} {
		t.add(http.MethodPost, path, serverNamespace+"/checkNameAvailability/action", a.checkNameAvailability).audience = anyRole
	}
}

// tiers are those of Azure with the smallest size of each. midas's servers are all alike:
// it keeps and shows what was chosen.
var tiers = []struct {
	name, sku      string
	cores, memory  int // memory in MB for each core
	iops, zonesFor int
}{
	{"Burstable", "Standard_B1ms", 1, 2048, 640, 0},
	{"GeneralPurpose", "Standard_D2ds_v4", 2, 4096, 3200, 1},
	{"MemoryOptimized", "Standard_E2ds_v4", 2, 8192, 5000, 1},
}

// serverVersions are the versions that a server may be said to have; which one answers is
// the backend's.
var serverVersions = []string{"5.7", "8.0.21"}

func (a *API) listCapabilities(*call) (answer, error) {
	editions := make([]object, 0, len(tiers))
	for _, t := range tiers {
		versions := make([]object, 0, len(serverVersions))
		for _, version := range serverVersions {
			versions = append(versions, object{"name": version, "supportedSkus": []object{{
				"name": t.sku, "vCores": t.cores, "supportedIops": t.iops, "supportedMemoryPerVCoreMB": t.memory,
			}}})
		}
		editions = append(editions, object{
			"name": t.name, "supportedServerVersions": versions,
			"supportedStorageEditions": []object{{
				"name": "Premium", "minStorageSize": 20 << 10, "maxStorageSize": 16 << 20, // MB
				"minBackupRetentionDays": 7, "maxBackupRetentionDays": 35, "minBackupIntervalHours": 24, "maxBackupIntervalHours": 24,
			}},
		})
	}
	return answer{status: http.StatusOK, body: object{"value": []object{{
		"zone": "none", "supportedHAMode": []string{}, "supportedGeoBackupRegions": []string{}, "supportedFlexibleServerEditions": editions,
	}}}}, nil
}

// checkNameAvailability tells whether a server may have a name, which is unique as a DNS
// name is.
func (a *API) checkNameAvailability(c *call) (answer, error) {
	var body struct{ Name, Type string }
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	if body.Name == "" || !strings.EqualFold(body.Type, serverType) {
		return answer{}, midas.Errorf(midas.Invalid, "The properties 'name' and 'type' are required, and the type is '%s'.", serverType)
	}
	servers, err := a.Directory.Servers(c.Context())
	if err != nil {
		return answer{}, err
	}
	if slices.ContainsFunc(servers, func(s midas.Server) bool { return strings.EqualFold(s.Name, body.Name) }) {
		return answer{status: http.StatusOK, body: object{
			"nameAvailable": false, "reason": "AlreadyExists", "message": "Specified server name is already used.",
		}}, nil
	}
	return answer{status: http.StatusOK, body: object{"nameAvailable": true, "reason": "", "message": ""}}, nil
}
