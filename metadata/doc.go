// Package metadata is the endpoint from which a workload gets the tokens of its
// managed identities: Azure's Instance Metadata Service (IMDS) and, for programs that
// cannot reach 169.254.169.254, the endpoint of App Service. Paths, parameters,
// headers, the choice among several identities and the errors are Azure's, so that its
// SDKs work unchanged.
//
// A workload is known by its own secret, the header X-IDENTITY-HEADER: an SDK sends it
// in App Service's protocol, and the forwarder of a machine's private network adds it
// to what the machine sends to IMDS. Whoever has none gets nothing.
//
// It never signs a token (a midas.Minter does), never decides which identities a
// workload has (the directory does), and never forwards, redirects or logs a token.
package metadata
