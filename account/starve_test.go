package account

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestPasswordsSetOverAndOverStarveNoReader: MariaDB gives a table to those who write it before
// those who read it, and everybody may write their own password, in a loop of the server's own.
// A server that is set up as private ones are lets readers in between.
func TestPasswordsSetOverAndOverStarveNoReader(t *testing.T) {
	w := newWorld(t, mysqltest.Fresh(t, "mariadb"))
	w.exec("SET GLOBAL max_write_lock_count = 1")
	s, other := w.store(), w.name("other")
	w.create(s, other, idB)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 6)
	var loops []Account
	for i := range cap(ended) {
		loops = append(loops, w.create(s, w.name(fmt.Sprintf("loop%d", i)), idA))
	}
	for _, a := range loops {
		hash := nativeHash(s.Secret(a))
		go func() {
			db := w.poolOf(a.User, s.Secret(a), "", nil)
			_, err := db.ExecContext(ctx, "BEGIN NOT ATOMIC WHILE 1 DO EXECUTE IMMEDIATE 'SET PASSWORD = ''"+hash+"'''; END WHILE; END")
			ended <- err
		}()
	}
	defer func() {
		end()
		for range cap(ended) {
			<-ended
		}
		for _, id := range w.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER LIKE 'loop%'") {
			w.exec("KILL " + id)
		}
	}()
	for len(w.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER LIKE 'loop%' AND COMMAND = 'Query'")) < cap(ended) {
		time.Sleep(10 * time.Millisecond)
	}
	for range 5 {
		s.Forget(other)
		begin := time.Now()
		soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		got, err := s.found(soon, other)
		cancel()
		if err != nil || len(got) != 1 {
			t.Errorf("after %v: %v, %v", time.Since(begin), got, err)
		}
	}
}
