package stack

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Strangers are refused as often as they like, and fill no log with that.
func TestRefusedSignInsAreLoggedOnceInAWhile(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	s := &Stack{metrics: newMetrics(), log: log, refusals: throttledlog.New(log, time.Now)}
	for _, outcome := range []midas.Outcome{midas.Refused, midas.Undecided, midas.Admitted} {
		if n := testutil.ToFloat64(s.metrics.signIns.WithLabelValues(string(outcome))); n != 0 {
			t.Errorf("%v %s before any", n, outcome)
		}
		for range 50 {
			s.auditSignIn(midas.SignIn{Remote: "192.0.2.1:1234", User: "app", Outcome: outcome})
		}
		if n := testutil.ToFloat64(s.metrics.signIns.WithLabelValues(string(outcome))); n != 50 {
			t.Errorf("%v of 50 %s are counted", n, outcome)
		}
	}
	for line, want := range map[string]int{`msg="sign-in refused"`: 1, `msg="sign-in unavailable"`: 1, `msg=sign-in `: 50} {
		if got := strings.Count(out.String(), line); got != want {
			t.Errorf("%s: %d lines, want %d", line, got, want)
		}
	}
}
