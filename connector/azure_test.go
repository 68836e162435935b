package connector

import (
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Those who can choose the host must not choose where a token of this machine goes, so what ends with
// Azure's names counts, and nothing that only looks like them.
func TestAzureHost(t *testing.T) {
	for address, want := range map[string]bool{
		"mydb.mysql.database.azure.com":           true,
		"mydb.mysql.database.azure.com:3306":      true,
		"MyDB.MySQL.Database.Azure.com.:3306":     true,
		"mydb.mysql.database.usgovcloudapi.net":   true,
		"mydb.mysql.database.chinacloudapi.cn:1":  true,
		"mysql.database.azure.com":                false,
		".mysql.database.azure.com":               false,
		"mydb.mysql.database.azure.com.evil.test": false,
		"mydb-mysql.database.azure.com":           false,
		"127.0.0.1:3306":                          false,
		"localhost":                               false,
		"":                                        false,
	} {
		if got := AzureHost(address); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}

// A plain virtual machine of Azure says nothing in the environment: there, for Azure's names, the
// machine's managed identity is meant, and for others where the program says so.
func TestManagedIdentityOfAVirtualMachine(t *testing.T) {
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MIDAS_VM", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID"} {
		t.Setenv(name, "")
	}
	if _, err := New(config(func(*mysql.Config) {})); err != nil {
		t.Error(err)
	}
	elsewhere := config(func(c *mysql.Config) { c.Addr = "db.example:3306" })
	if _, err := New(elsewhere); err == nil {
		t.Error("a host that is not Azure's has a metadata endpoint asked that nobody named")
	}
	if _, err := New(elsewhere, ManagedIdentity("11111111-1111-1111-1111-111111111111")); err != nil {
		t.Error(err)
	}
}
