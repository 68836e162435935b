// Package confine starts a program that reaches the files it was given and nothing
// else: neither the caller's other files, nor a network, nor a process outside. When memory runs
// out it gives way to what is outside.
//
// It owns the ways in which Linux confines an unprivileged process, and chooses among
// those that work here: Landlock, or a mount and network namespace. It never decides
// which files a program needs, and never runs one unconfined that was to be confined.
//
// The confinement is put on by this same executable, started again, which then becomes
// the program: a program that uses Command calls Enter first thing in main.
package confine

import (
	"os/exec"
	"syscall"
)

// Mechanism is a way to confine a program. Its text names it for people.
type Mechanism string

// The mechanisms, best first. None runs the program as it is.
const (
	Landlock   Mechanism = "Landlock"
	Namespaces Mechanism = "mount and network namespaces"
	None       Mechanism = "nothing"
)

// Rules are what a confined program reaches. Paths are absolute.
type Rules struct {
	// Read are files and folders to read and to run programs from; those that do not
	// exist are left out.
	Read []string
	// Write are folders whose files are the program's to make, change and remove, and
	// never to run.
	Write []string
	// Root is an empty folder of the caller's, in which Namespaces builds what the
	// program sees.
	Root string
	// DeathSignal reaches the program when the caller ends; 0 sends none.
	DeathSignal syscall.Signal
}

// Available returns the mechanisms that work here, best first. None is not among them.
func Available() []Mechanism { return available() }

// Command is exec.Command for a program that m confines to rules. The caller may set
// what it likes but Path, Args and what SysProcAttr says of namespaces.
func (m Mechanism) Command(rules Rules, path string, args ...string) (*exec.Cmd, error) {
	return m.command(rules, path, args)
}
