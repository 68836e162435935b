// Package token owns the format of access tokens, at both ends: the claims, the
// signature, the key sets that signatures are checked with, and the verdict.
//
// A token is a JSON Web Token (RFC 7519) in compact form, shaped as Microsoft Entra
// shapes its version 1 and version 2 access tokens. Verifier is the only place in the
// product that turns a token into a midas.Principal.
//
// It never decides what a principal may do, never keeps a token (the cache holds
// digests), and never follows a key or an address that the token itself brings along:
// keys come from the KeySet configured for the issuer and from nowhere else.
package token
