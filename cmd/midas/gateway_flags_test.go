package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// door returns the gateway's settings as `midas up` has them.
func door(t *testing.T, args ...string) (gatewaySettings, error) {
	t.Helper()
	c := &cli{stdin: new(bytes.Buffer), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	up, rest, err := c.newRootCommand().Find(append([]string{"up"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	if err := up.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if err := configure(up); err != nil {
		t.Fatal(err)
	}
	var s gatewaySettings
	s.MaxSigningIn, _ = up.Flags().GetInt("max-signing-in")
	s.MaxSigningInPerSource, _ = up.Flags().GetInt("max-signing-in-per-source")
	s.DrainTime, _ = up.Flags().GetDuration("drain-time")
	s.WriteTimeout, _ = up.Flags().GetDuration("client-write-timeout")
	return s.settings()
}

func TestGatewaySettings(t *testing.T) {
	clearEnvironment(t)
	s, err := door(t)
	if err != nil || s.MaxSigningIn < 64 || s.MaxSigningIn > gateway.DefaultMaxSigningIn || s.WriteTimeout != 10*time.Minute || s.DrainTime != 30*time.Second {
		t.Errorf("by default: %+v, %v", s, err)
	}
	t.Setenv("MIDAS_CONFIG", settingsFile(t, "up:\n  max-signing-in: 300\n  client-write-timeout: 90s\n"))
	t.Setenv("MIDAS_MAX_SIGNING_IN_PER_SOURCE", "200")
	t.Setenv("MIDAS_DRAIN_TIME", "0s")
	if s, err = door(t, "--max-signing-in", "400"); err != nil || s != (gatewaySettings{400, 200, 90 * time.Second, 0}) {
		t.Errorf("flag, environment and file: %+v, %v", s, err)
	}
	for _, args := range [][]string{
		{"--max-signing-in", "-1"},
		{"--max-signing-in", "100"}, // fewer than the environment has per source
		{"--max-signing-in-per-source", "-1"},
		{"--client-write-timeout", "0s"},
		{"--drain-time", "-1s"},
	} {
		if _, err := door(t, args...); exitCode(err) != exitUsage || !strings.Contains(err.Error(), args[1]) && !strings.Contains(err.Error(), "which is "+args[1]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// Strangers are refused as often as they like, and fill no log with that.
func TestRefusedSignInsAreLoggedOnceInAWhile(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	s := &stack{metrics: newMetrics(), stackConfig: stackConfig{Log: log}, refusals: throttledlog.New(log, time.Now)}
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
