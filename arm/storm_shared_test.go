package arm

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// vandalize does to a few things that it shares with others whatever may be done: any
// answer of ARM is right but a fault of the server's own.
func vandalize(s *storm) {
	const shared = "/resourceGroups/shared"
	name := func(kind, prefix string) string {
		return fmt.Sprintf("%s/providers/%s/%s%d", shared, kind, prefix, rand.IntN(3))
	}
	location := object{"location": "eastus"}
	reader := s.base[strings.Index(s.base, "/subscriptions/"):] + "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
	for {
		id := s.base[strings.Index(s.base, "/subscriptions/"):] + name(identityType, "id")
		assign := object{"location": "eastus", "identity": object{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": object{id: object{}}}}
		remove := object{"identity": object{"type": "UserAssigned", "userAssignedIdentities": object{id: nil}}}
		serverAssign := object{"location": "eastus", "identity": object{"type": "UserAssigned", "userAssignedIdentities": object{id: object{}}}}
		assignment := "/providers/Microsoft.Authorization/roleAssignments/" + uuid.NewString()
		role := object{"properties": object{"principalId": s.somebody, "roleDefinitionId": reader}}
		requests := []struct {
			method, path string
			body         any
		}{
			{http.MethodPut, shared, location},
			{http.MethodPut, name(identityType, "id"), location},
			{http.MethodPut, name(identityType, "id"), location},
			{http.MethodDelete, name(identityType, "id"), nil},
			{http.MethodPut, name(machineType, "vm"), assign},
			{http.MethodPatch, name(machineType, "vm"), assign},
			{http.MethodPatch, name(machineType, "vm"), remove},
			{http.MethodDelete, name(machineType, "vm"), nil},
			{http.MethodPut, name(serverType, "shared"), serverAssign},
			{http.MethodDelete, name(serverType, "shared"), nil},
			{http.MethodPut, name(serverType, "shared") + "/administrators/ActiveDirectory", object{"properties": object{
				"administratorType": "ActiveDirectory", "login": "admin", "sid": ownerID,
			}}},
			{http.MethodPut, shared + assignment, role},
			{http.MethodPut, name(machineType, "vm") + assignment, role},
		}
		pick := requests[rand.IntN(len(requests))]
		if rand.IntN(60) == 0 {
			pick.method, pick.path, pick.body = http.MethodDelete, shared, nil
		}
		status, answer := s.call(pick.method, pick.path, pick.body)
		if status == 0 {
			return
		}
		allowed := []int{200, 201, 202, 204, 400, 404, 409}
		if !slices.Contains(allowed, status) {
			s.fault("%s %s: %d %v", pick.method, pick.path, status, answer)
		}
		if status < 300 {
			s.acknowledge()
		}
	}
}

// readAll wants each list to be of one instant: an identity on a machine has its ids.
func readAll(s *storm) {
	for !s.dead() {
		for _, machine := range s.list("/providers/" + machineType) {
			identity, _ := machine["identity"].(object)
			assigned, _ := identity["userAssignedIdentities"].(object)
			for id, value := range assigned {
				if ids := value.(object); ids["clientId"] == "" || ids["principalId"] == "" {
					s.fault("%v has %s without ids", machine["name"], id)
				}
			}
		}
		for _, identity := range s.list("/providers/" + identityType) {
			if identity["properties"].(object)["clientId"] == "" {
				s.fault("%v has no client id", identity["name"])
			}
		}
	}
}
