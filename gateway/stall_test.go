package gateway_test

import (
	"io"
	"testing"
	"time"
)

// large is a result of 200 MB, far more than sockets hold.
const large = "SELECT REPEAT('a', 1000000) FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) a, " +
	"(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8) b, " +
	"(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) c"

// impatient is a world whose sessions may take nothing of a result for a second.
func impatient(t *testing.T) (w *world, user, token string) {
	w = oneBackend(t)
	w.stop()
	w.writeTimeout = time.Second
	w.startGateway()
	user, id := w.user("app")
	return w, user, w.token(id)
}

// TestClientsThatStopReadingEnd: they would hold two descriptors and a session of the
// backend for ever.
func TestClientsThatStopReadingEnd(t *testing.T) {
	w, user, token := impatient(t)
	before := w.gateway.Sessions()
	for range 3 {
		w.signIn(user, token).query(large)
	}
	w.eventually("they are ended", func() bool { return w.gateway.Sessions() == before })
	if n := w.log.with("its client reads none of its results"); n != 3 {
		t.Errorf("%d lines of the log say why", n)
	}
}

// TestClientsThatReadSlowlyStay, also those that pause.
func TestClientsThatReadSlowlyStay(t *testing.T) {
	w, user, token := impatient(t)
	c := w.signIn(user, token)
	idle := w.signIn(user, token) // and sessions that nothing is sent to
	c.conn.SetDeadline(time.Now().Add(time.Minute))
	c.query("SELECT REPEAT('a', 1000000) FROM (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) a, " +
		"(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) b")
	began := time.Now()
	pause := time.NewTicker(400 * time.Millisecond)
	defer pause.Stop()
	for read := 0; read < 24e6; read += 3e6 {
		if n, err := io.CopyN(io.Discard, c.conn, 3e6); err != nil {
			t.Fatalf("after %d bytes and %v: %v", read+int(n), time.Since(began), err)
		}
		<-pause.C
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it took %v: nothing was slow", took)
	}
	idle.query("SELECT 1")
	idle.read()
}
