package directory

import (
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// Role is a role definition: what its holder may do.
type Role struct {
	ID          string // GUID, the same in each of Azure's tenants
	Name        string
	Description string
	Actions     []string // of the control plane; a "*" stands for any text
	NotActions  []string // taken out of Actions
	DataActions []string // of the data plane, where midas has none: shown, never asked
	Created     time.Time
	Updated     time.Time
}

// Ids of the roles that the directory itself gives meaning to.
const (
	ownerRole                   = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	userAccessAdministratorRole = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
)

// Actions that the smaller built-in roles share.
var (
	readAuthorization = "Microsoft.Authorization/*/read"
	readGroups        = "Microsoft.Resources/subscriptions/resourceGroups/read"
	support           = "Microsoft.Support/*"
	deployments       = "Microsoft.Resources/deployments/*"
	alertRules        = "Microsoft.Insights/alertRules/*"
	identities        = kinds[identityKind].provider
	federated         = identities + "/federatedIdentityCredentials"
)

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// roles are those of Azure's built-in roles that mean something here.
// Source: Microsoft, "Azure built-in roles".
var roles = []Role{
	{
		ID: ownerRole, Name: "Owner", Created: day(2015, 2, 2), Updated: day(2021, 11, 11),
		Description: "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
		Actions:     []string{"*"},
	},
	{
		ID: "b24988ac-6180-42a0-ab88-20f7382dd24c", Name: "Contributor", Created: day(2015, 2, 2), Updated: day(2023, 7, 10),
		Description: "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, manage assignments in Azure Blueprints, or share image galleries.",
		Actions:     []string{"*"},
		NotActions: []string{
			"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action",
			"Microsoft.Blueprint/blueprintAssignments/write", "Microsoft.Blueprint/blueprintAssignments/delete",
			"Microsoft.Compute/galleries/share/action", "Microsoft.Purview/consents/write", "Microsoft.Purview/consents/delete",
		},
	},
	{
		ID: "acdd72a7-3385-48ef-bd42-f606fba81ae7", Name: "Reader", Created: day(2015, 2, 2), Updated: day(2021, 11, 11),
		Description: "View all resources, but does not allow you to make any changes.",
		Actions:     []string{"*/read"},
	},
	{
		ID: userAccessAdministratorRole, Name: "User Access Administrator", Created: day(2015, 2, 2), Updated: day(2021, 11, 11),
		Description: "Lets you manage user access to Azure resources.",
		Actions:     []string{"*/read", "Microsoft.Authorization/*", support},
	},
	{
		ID: "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59", Name: "Managed Identity Contributor", Created: day(2017, 12, 14), Updated: day(2024, 3, 29),
		Description: "Create, Read, Update, and Delete User Assigned Identity",
		Actions: []string{
			identities + "/read", identities + "/write", identities + "/delete", identities + "/revokeTokens/action",
			federated + "/read", federated + "/write", federated + "/delete",
			readAuthorization, alertRules, readGroups, deployments, support,
		},
	},
	{
		ID: "f1a07417-d97a-45cb-824c-7a7467783830", Name: "Managed Identity Operator", Created: day(2017, 12, 14), Updated: day(2021, 11, 11),
		Description: "Read and Assign User Assigned Identity",
		Actions:     []string{identities + "/*/read", identities + "/*/assign/action", readAuthorization, alertRules, readGroups, deployments, support},
	},
	{
		ID: "9980e02c-c2be-4d73-94e8-173b1dc7cf3c", Name: "Virtual Machine Contributor", Created: day(2015, 6, 2), Updated: day(2023, 11, 14),
		Description: "Lets you manage virtual machines, but not access to them, and not the virtual network or storage account they're connected to.",
		Actions: []string{
			readAuthorization, "Microsoft.Compute/availabilitySets/*", "Microsoft.Compute/locations/*", "Microsoft.Compute/virtualMachines/*",
			"Microsoft.Compute/virtualMachineScaleSets/*", "Microsoft.Compute/cloudServices/*", "Microsoft.Compute/disks/write",
			"Microsoft.Compute/disks/read", "Microsoft.Compute/disks/delete", alertRules, deployments, readGroups, support,
		},
	},
}

// Roles returns every role definition, by name.
func (d *Directory) Roles() []Role {
	all := slices.Clone(roles)
	slices.SortFunc(all, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Role returns the role definition with that GUID, or ErrNoRole.
func (d *Directory) Role(id string) (Role, error) {
	if r := roleOf(id); r != nil {
		return *r, nil
	}
	return Role{}, &midas.Error{Code: midas.NotFound, Message: "The specified role definition with ID '" + clip.Text(id) + "' does not exist.", Err: ErrNoRole}
}

func roleOf(id string) *Role {
	if i := slices.IndexFunc(roles, func(r Role) bool { return r.ID == fold(id) }); i >= 0 {
		return &roles[i]
	}
	return nil
}

// allows reports whether the role permits an action of the control plane.
func (r *Role) allows(action string) bool {
	matches := func(pattern string) bool { return matchAction(fold(pattern), fold(action)) }
	return slices.ContainsFunc(r.Actions, matches) && !slices.ContainsFunc(r.NotActions, matches)
}

// matchAction matches an action with a pattern, both folded. A "*" stands for any text,
// slashes included. "/*/" may stand for one slash: Managed Identity Operator has
// "userAssignedIdentities/*/read" and with it reads the identities themselves.
func matchAction(pattern, action string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == action
	}
	tail, ok := strings.CutPrefix(action, head)
	if !ok {
		return false
	}
	if strings.HasSuffix(head, "/") && strings.HasPrefix(rest, "/") && matchAction(rest[1:], tail) {
		return true
	}
	for i := 0; i <= len(tail); i++ {
		if matchAction(rest, tail[i:]) {
			return true
		}
	}
	return false
}
