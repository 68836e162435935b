// Package ca owns the private certificate authority of one midas state directory:
// its key and certificate on disk, and the server certificates that it signs in
// memory for listeners.
//
// It never changes what the machine trusts, never signs for anyone but the
// listeners of this process, and never replaces an authority that exists: clients
// may already trust it, so a damaged one is an error for a person to look at.
package ca
