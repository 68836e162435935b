//go:build unix

package backend

import "github.com/midas-mysql/midas/internal/confine"

// ConfineBy makes private servers use m, and returns what undoes that.
func ConfineBy(m ...confine.Mechanism) (undo func()) {
	before := mechanisms
	mechanisms = func() []confine.Mechanism { return m }
	return func() { mechanisms = before }
}
