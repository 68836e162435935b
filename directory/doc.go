// Package directory owns who exists: one tenant and subscription with its resource
// groups, user-assigned identities, virtual machines and MySQL servers, its users,
// security groups, applications and role assignments, and the rules by which they
// change.
//
// It keeps them in one SQLite file. A change is acknowledged only after it has
// reached the disk, and changes that belong together (an identity and its place on
// every machine) happen in one transaction.
//
// It never speaks HTTP, never signs or reads a token, and never keeps a secret: of
// an application's secret it has only a digest, and of a person's password a hash that
// is slow to try.
package directory
