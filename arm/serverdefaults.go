package arm

import "strings"

// serverDefaults are members that Azure sends of every server, for one that was made without them:
// az reads them and fails where they are not. They say what holds here where anything does: no
// public access that a firewall of Azure would filter, no second zone, no replicas.
//
// Source: Azure REST API, "Servers - Get" of Microsoft.DBforMySQL, 2023-12-30.
func serverDefaults() object {
	return object{
		"sku": object{"name": "Standard_B1ms", "tier": "Burstable"},
		"properties": object{
			"availabilityZone":  "1",
			"storage":           object{"storageSizeGB": 20, "iops": 360, "autoGrow": "Disabled", "autoIoScaling": "Disabled", "logOnDisk": "Disabled", "storageSku": "Premium_LRS"},
			"backup":            object{"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
			"network":           object{"publicNetworkAccess": "Disabled"},
			"highAvailability":  object{"mode": "Disabled", "state": "NotEnabled", "standbyAvailabilityZone": ""},
			"maintenanceWindow": object{"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0},
			"replicaCapacity":   0,
		},
	}
}

// complete gives what the members of defaults are that it lacks, inner ones, too. Names have no case.
func complete(it, defaults object) {
	for name, value := range defaults {
		present := name
		for known := range it {
			if strings.EqualFold(known, name) {
				present = known
			}
		}
		inner, isObject := value.(object)
		theirs, alsoObject := it[present].(object)
		switch {
		case it[present] == nil:
			it[present] = value
		case isObject && alsoObject:
			complete(theirs, inner)
		}
	}
}
