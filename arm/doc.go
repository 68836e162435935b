// Package arm is the control plane as Azure Resource Manager speaks it: HTTP over
// the directory, in the subset that az, the Azure SDKs and midas use for resource
// groups, managed identities, virtual machines and MySQL flexible servers, and for who
// may do what with them: roles, locks and the activity log.
//
// It owns routes, ARM's JSON shapes, its errors, and which permission each operation
// needs. Only /metadata/endpoints is open.
//
// It keeps no state, decides no rule of the directory, and never signs a token.
package arm
