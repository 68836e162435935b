package arm

import (
	"net/http"

	"github.com/midas-mysql/midas"
)

// locations are some of Azure's. midas takes any name; clients show these.
var locations = [][2]string{
	{"eastus", "East US"},
	{"eastus2", "East US 2"},
	{"westus2", "West US 2"},
	{"northeurope", "North Europe"},
	{"westeurope", "West Europe"},
	{"uksouth", "UK South"},
	{"southeastasia", "Southeast Asia"},
	{"japaneast", "Japan East"},
}

func (a *API) listTenants(*call) (answer, error) {
	tenant, _ := a.Directory.Tenant()
	return answer{status: http.StatusOK, body: object{"value": []object{{
		"id": "/tenants/" + tenant, "tenantId": tenant, "displayName": "midas", "tenantCategory": "Home",
	}}}}, nil
}

func (a *API) showSubscription() object {
	tenant, sub := a.Directory.Tenant()
	return object{
		"id": "/subscriptions/" + sub, "subscriptionId": sub, "tenantId": tenant,
		"displayName": "midas", "state": "Enabled", "authorizationSource": "RoleBased", "managedByTenants": []object{},
		"subscriptionPolicies": object{"locationPlacementId": "Public_2014-09-01", "quotaId": "Internal_2014-09-01", "spendingLimit": "Off"},
	}
}

// listSubscriptions shows the subscription to callers that have some role in it.
func (a *API) listSubscriptions(c *call) (answer, error) {
	all := []object{}
	if c.access.Any() {
		all = append(all, a.showSubscription())
	}
	return answer{status: http.StatusOK, body: object{"value": all, "count": object{"type": "Total", "value": len(all)}}}, nil
}

func (a *API) getSubscription(*call) (answer, error) {
	return answer{status: http.StatusOK, body: a.showSubscription()}, nil
}

func (a *API) listLocations(*call) (answer, error) {
	_, sub := a.Directory.Tenant()
	return list(locations, func(l [2]string) any {
		return object{
			"id": "/subscriptions/" + sub + "/locations/" + l[0], "name": l[0],
			"displayName": l[1], "regionalDisplayName": l[1], "type": "Region",
			"metadata": object{"regionType": "Physical", "regionCategory": "Recommended"},
		}
	}), nil
}

// endpoints tells az what this cloud is made of. It is asked in three ways: by az
// cloud register before 2.58 or so (2015-01-01, one object with the old names), by
// ARM_CLOUD_METADATA_URL (a list), and since 2022-09-01 (one object with the new
// names). One object holds all names; in between, it is wrapped in a list.
func (a *API) endpoints(c *call) (answer, error) {
	base := a.BaseURL()
	cloud := object{
		"galleryEndpoint": base + "/gallery", "graphEndpoint": base + "/graph", "portalEndpoint": base + "/portal",

		"name": "midas", "portal": base + "/portal", "gallery": base + "/gallery",
		"graph": base + "/graph", "graphAudience": base + "/graph", "microsoftGraphResourceId": base + "/graph",
		"resourceManager": base, "batch": base + "/batch", "media": base + "/media", "sqlManagement": base + "/sql",
		"vmImageAliasDoc": base + "/images", "activeDirectoryDataLake": base + "/datalake",
		"ossrdbmsResourceId": midas.Resource, "ossrDbmsResourceId": midas.Resource,
		"authentication": object{
			"loginEndpoint": a.LoginURL(), "audiences": Audiences(), "tenant": "common", "identityProvider": "AAD",
		},
		"suffixes": object{
			"mysqlServerEndpoint": ".mysql.database.azure.com", "storage": "core.windows.net", "keyVaultDns": "vault.azure.net",
			"sqlServerHostname": "database.windows.net", "acrLoginServer": "azurecr.io",
			"azureDataLakeStoreFileSystem":        "azuredatalakestore.net",
			"azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
		},
	}
	if version := c.query["api-version"]; version >= "2018" && version < "2022-09-01" {
		return answer{status: http.StatusOK, body: []object{cloud}}, nil
	}
	return answer{status: http.StatusOK, body: cloud}, nil
}
