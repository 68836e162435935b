package connector

import (
	"net"
	"strings"
)

// azureHosts are what the names of Azure Database for MySQL end with, in each of Azure's clouds.
// Source: Microsoft Learn, "Compare Azure Government and global Azure" and "Azure China endpoints".
var azureHosts = []string{
	".mysql.database.azure.com", ".mysql.database.usgovcloudapi.net", ".mysql.database.chinacloudapi.cn",
}

// AzureHost tells whether an address, with a port or without, is a name of Azure Database for MySQL.
// A token for it is meant for Azure: nobody else has these names.
func AzureHost(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, end := range azureHosts {
		if name, is := strings.CutSuffix(host, end); is && name != "" {
			return true
		}
	}
	return false
}
