//go:build unix && !linux

package keyfile

// hasAccessList cannot tell here.
func hasAccessList(string) bool { return true }

// overflowUser is none: there are no user namespaces here.
func overflowUser() (id uint32, ambiguous bool) { return 0, false }
