// Package issuer is the token issuer: the signing keys, the documents by which others
// find the public halves (OpenID Connect discovery, JSON Web Key Set), the minting of
// tokens for managed identities, and the token endpoint where applications trade a
// client secret for a token. Paths, documents and errors are those of Microsoft Entra,
// so that its client libraries work unchanged.
//
// It never decides who may have a token for which identity (package metadata and the
// directory do), never hands a private key out, and never issues for another tenant
// than its own.
package issuer
