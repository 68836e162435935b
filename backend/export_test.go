//go:build unix

package backend

import (
	"time"

	"github.com/midas-mysql/midas/internal/confine"
)

// ConfineBy makes private servers use m, and returns what undoes that.
func ConfineBy(m ...confine.Mechanism) (undo func()) {
	before := mechanisms
	mechanisms = func() []confine.Mechanism { return m }
	return func() { mechanisms = before }
}

// LookAtLogsEvery makes private servers that start from now on have their logs looked at so
// often, and returns what undoes that.
func LookAtLogsEvery(d time.Duration) (undo func()) {
	before := logLook
	logLook = d
	return func() { logLook = before }
}
