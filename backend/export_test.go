//go:build unix

package backend

import (
	"errors"
	"net"
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

// ServedBy makes every process that serves one of user id, where the system tells it, and
// returns what undoes that.
func ServedBy(id uint32) (undo func()) {
	before := userBehind
	userBehind = func(conn net.Conn) (uint32, error) {
		_, err := before(conn)
		return id, err
	}
	return func() { userBehind = before }
}

// NoUsersTold is a system that does not tell whose a socket is.
func NoUsersTold() (undo func()) {
	before := userBehind
	userBehind = func(net.Conn) (uint32, error) { return 0, errors.New("this system tells nothing") }
	return func() { userBehind = before }
}

// PauseBetweenStarts makes servers that died wait so long, however often they did, and returns
// what undoes that.
func PauseBetweenStarts(d time.Duration) (undo func()) {
	before := pauseAfter
	pauseAfter = func(int) time.Duration { return d }
	return func() { pauseAfter = before }
}
