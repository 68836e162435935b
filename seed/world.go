package seed

import "go.yaml.in/yaml/v3"

// World is what a file declares. Its form is that of world.schema.json.
type World struct {
	Location        string
	Users           []User
	Applications    []Application
	Groups          []Group
	ResourceGroups  []ResourceGroup `yaml:"resource-groups"`
	Identities      []Identity
	VMs             []VM
	Servers         []Server
	RoleAssignments []RoleAssignment `yaml:"role-assignments"`

	file string
	root *yaml.Node
}

// User is a person.
type User struct {
	Name         string
	DisplayName  string `yaml:"display-name"`
	PasswordFile string `yaml:"password-file"`
	PasswordEnv  string `yaml:"password-env"`
}

// Application is a program that signs in with a secret.
type Application struct {
	Name       string
	SecretFile string `yaml:"secret-file"`
}

// Group is a security group; Members are all that it has.
type Group struct {
	Name        string
	Description string
	Members     []Principal
}

// ResourceGroup is a resource group.
type ResourceGroup struct {
	Name     string
	Location string
	Tags     map[string]string
}

// Resource is what identities, machines and servers have in common.
type Resource struct {
	Name     string
	Group    string `yaml:"resource-group"`
	Location string
	Tags     map[string]string
}

// Identity is a user-assigned managed identity.
type Identity struct {
	Resource             `yaml:",inline"`
	FederatedCredentials []FederatedCredential `yaml:"federated-credentials"`
}

// FederatedCredential lets an outside token stand for its identity.
type FederatedCredential struct{ Name, Issuer, Subject, Audience string }

// VM is a virtual machine; Identities are all that it has.
type VM struct {
	Resource   `yaml:",inline"`
	Identities []string
}

// Server is a MySQL server.
type Server struct {
	Resource      `yaml:",inline"`
	Version       string
	Identities    []string
	Administrator *Administrator
	Parameters    map[string]string
}

// Administrator is the Microsoft Entra administrator of a server.
type Administrator struct {
	Login     string
	Principal Principal
}

// RoleAssignment gives Principal the role in Scope.
type RoleAssignment struct {
	Role      string
	Principal Principal
	Scope     Scope
}

// Principal names one user, group, application, identity or machine.
type Principal struct{ User, Group, Application, Identity, VM, ID string }

// Scope is one resource group or resource; the zero value is the subscription.
type Scope struct {
	ResourceGroup string `yaml:"resource-group"`
	Identity      string
	VM            string
	Server        string
}
