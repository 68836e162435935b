package ca

import (
	"testing"
	"time"
)

// A certificate that was made while the clock was a day ahead is refused once that is put right,
// and is made again.
func TestClockThatWasAhead(t *testing.T) {
	right := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := right
	c := open(t, t.TempDir(), func() time.Time { return now })
	config := c.TLSConfig(nil)
	for _, now = range []time.Time{right.AddDate(0, 0, 1), right} {
		if _, err := handshake(t, c, config, "localhost", now); err != nil {
			t.Errorf("at %v: %v", now, err)
		}
	}
}
