// Package arm is the control plane as Azure Resource Manager speaks it: HTTP over
// the directory, in the subset that az, the Azure SDKs and midas use for resource
// groups, managed identities, virtual machines and MySQL flexible servers.
//
// It owns routes, ARM's JSON shapes, its errors, and who may ask: the holder of a
// token for Resource Manager whose object id is Owner of the subscription. Only
// /metadata/endpoints is open.
//
// It keeps no state, decides no rule of the directory, and never signs a token.
package arm
