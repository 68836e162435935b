// Package metadata is the endpoint from which a workload gets the tokens of its
// managed identities, and what it is told about itself: Azure's Instance Metadata
// Service (IMDS), and the dialects of App Service, Azure Arc, Cloud Shell, Azure
// Machine Learning and Service Fabric. Paths, parameters, headers, the choice among
// several identities, the limits and the errors are Azure's, so that its SDKs work
// unchanged.
//
// A workload is recognised, strongest evidence first, by a listener of its own (its
// network namespace), by its secret (a header, or part of the path), by its source
// address, by the user or control group of the process. Wrong evidence is never passed
// over for a weaker kind, and a caller without any is refused.
//
// It never signs a token (a midas.Minter does), never decides which identities a
// workload has (the directory does), and never forwards, redirects or logs a token.
package metadata
