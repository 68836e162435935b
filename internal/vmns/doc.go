// Package vmns runs a command in a private network namespace that looks like the
// inside of a virtual machine: a loopback interface, the addresses that the caller
// serves (169.254.169.254:80 among them) and the host names that the caller gives.
//
// It owns the namespace and the life of the command: ids, signals, exit status. It
// needs no root where the kernel lets users have namespaces, and tells the caller
// with ErrForbidden where it does not. It never reads what passes through the
// listeners, never gives the command a route to the outside, and never binds a
// link-local address in the namespace that it was called in.
//
// The inside half is the same executable started again: a program that uses Run
// calls Enter first thing in main.
package vmns
