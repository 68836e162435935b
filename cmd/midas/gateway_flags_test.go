package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/stack"
)

// door returns the gateway's settings as `midas up` has them.
func door(t *testing.T, args ...string) (stack.GatewaySettings, error) {
	t.Helper()
	c := newCLI(new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer))
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
	var s gatewayFlags
	s.MaxSigningIn, _ = up.Flags().GetInt("max-signing-in")
	s.MaxSigningInPerSource, _ = up.Flags().GetInt("max-signing-in-per-source")
	s.MaxSessions, _ = up.Flags().GetInt("max-sessions")
	s.DrainTime, _ = up.Flags().GetDuration("drain-time")
	s.WriteTimeout, _ = up.Flags().GetDuration("client-write-timeout")
	return s.settings()
}

func TestGatewaySettings(t *testing.T) {
	clearEnvironment(t)
	s, err := door(t)
	if err != nil || s.MaxSigningIn < 64 || s.MaxSigningIn > gateway.DefaultMaxSigningIn || s.MaxSessions < 64 || s.MaxSessions > gateway.DefaultMaxSessions || s.WriteTimeout != 10*time.Minute || s.DrainTime != 30*time.Second {
		t.Errorf("by default: %+v, %v", s, err)
	}
	t.Setenv("MIDAS_CONFIG", settingsFile(t, "up:\n  max-signing-in: 300\n  max-sessions: 500\n  client-write-timeout: 90s\n"))
	t.Setenv("MIDAS_MAX_SIGNING_IN_PER_SOURCE", "200")
	t.Setenv("MIDAS_DRAIN_TIME", "0s")
	if s, err = door(t, "--max-signing-in", "400"); err != nil || s != (stack.GatewaySettings{MaxSigningIn: 400, MaxSigningInPerSource: 200, MaxSessions: 500, WriteTimeout: 90 * time.Second}) {
		t.Errorf("flag, environment and file: %+v, %v", s, err)
	}
	for _, args := range [][]string{
		{"--max-signing-in", "-1"},
		{"--max-signing-in", "100"}, // fewer than the environment has per source
		{"--max-signing-in-per-source", "-1"},
		{"--max-sessions", "-1"},
		{"--client-write-timeout", "0s"},
		{"--drain-time", "-1s"},
	} {
		if _, err := door(t, args...); exitCode(err) != exitUsage || !strings.Contains(err.Error(), args[1]) && !strings.Contains(err.Error(), "which is "+args[1]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
