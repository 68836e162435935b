// Package graph is the directory's people, groups, applications and service principals
// as Microsoft Graph speaks of them: HTTP over the directory, in the subset of v1.0
// that az, the Azure SDKs and midas use.
//
// It owns routes, Graph's JSON shapes, OData query options and errors, and who may ask:
// a holder of a token for Graph reads what it is itself and what it is a member of; who
// reads everything of the subscription reads all of the directory, and who may assign
// roles over the subscription changes it.
//
// It keeps no state, decides no rule of the directory, and never signs a token. What it
// has no word for it refuses, so that a client is never told that something was done
// which was not.
package graph
