package arm

import (
	"encoding/json"
	"net/http"
	"testing"
)

// az reads members that Azure always sends: a server that was made with a location alone has them, and
// one that was made with others keeps these.
func TestServersHaveWhatAzureSends(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	type server struct {
		SKU        struct{ Name, Tier string }
		Properties struct {
			AdministratorLogin string
			Storage            struct{ StorageSizeGB int }
			Backup             struct {
				BackupRetentionDays int
				GeoRedundantBackup  string
			}
			Network          struct{ PublicNetworkAccess string }
			HighAvailability struct{ Mode string }
		}
	}
	made := func(name, body string) (s server) {
		t.Helper()
		w.want(t, http.StatusCreated, "owner", "PUT", servers+name+api, body)
		_, text := w.do(t, "owner", "GET", servers+name+api, "")
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	bare := made("bare", `{"location":"eastus"}`)
	if p := bare.Properties; bare.SKU.Name == "" || p.Storage.StorageSizeGB == 0 || p.Backup.BackupRetentionDays == 0 || p.Network.PublicNetworkAccess != "Disabled" || p.HighAvailability.Mode == "" {
		t.Errorf("%+v", bare)
	}
	full := made("full", `{"location":"eastus","SKU":{"name":"Standard_D2ds_v4"},"properties":{"administratorLogin":"ada","Storage":{"storageSizeGB":64},"backup":null}}`)
	if p := full.Properties; full.SKU.Name != "Standard_D2ds_v4" || full.SKU.Tier != "Burstable" || p.AdministratorLogin != "ada" || p.Storage.StorageSizeGB != 64 || p.Backup.GeoRedundantBackup != "Disabled" {
		t.Errorf("%+v", full)
	}
}
