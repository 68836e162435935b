package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
)

// gatewayFlags are the flags of stack.GatewaySettings.
type gatewayFlags stack.GatewaySettings

func (f *gatewayFlags) add(flags *pflag.FlagSet) {
	flags.IntVar(&f.MaxSigningIn, "max-signing-in", 0, "how many connections to the gateway may be signing in at once; beyond that, those that have not sent their token or password give way to newcomers (default 2048, less where the process may open few files)")
	flags.IntVar(&f.MaxSigningInPerSource, "max-signing-in-per-source", 0, "how many of them may come from one address or IPv6 /64 network; all addresses of this machine are one source (default half of --max-signing-in)")
	flags.IntVar(&f.MaxSessions, "max-sessions", 0, "how many sessions all servers may have at once; one server alone has half of them at most, all of a resource group three quarters, and of several that want all each leaves room for the others (default 16384, less where the process may open few files)")
	flags.DurationVar(&f.DrainTime, "drain-time", 30*time.Second, "how long sessions may finish their transactions after an interrupt, while new ones are refused; another interrupt ends them at once")
	flags.DurationVar(&f.WriteTimeout, "client-write-timeout", gateway.DefaultWriteTimeout, "how long a client may leave its results unread before its session is ended; the database ends it sooner where its own net_write_timeout is shorter")
}

// settings completes what is not given.
func (flags gatewayFlags) settings() (stack.GatewaySettings, error) {
	f := stack.GatewaySettings(flags)
	switch {
	case f.MaxSigningIn < 0:
		return f, usage.Errorf("--max-signing-in %d is less than 1", f.MaxSigningIn)
	case f.MaxSigningIn == 0:
		f.MaxSigningIn = min(gateway.DefaultMaxSigningIn, connections.Share(0))
	}
	switch {
	case f.MaxSigningInPerSource < 0, f.MaxSigningInPerSource > f.MaxSigningIn:
		return f, usage.Errorf("--max-signing-in-per-source %d is not between 1 and --max-signing-in, which is %d", f.MaxSigningInPerSource, f.MaxSigningIn)
	case f.MaxSessions < 0:
		return f, usage.Errorf("--max-sessions %d is less than 1", f.MaxSessions)
	case f.WriteTimeout < time.Second:
		return f, usage.Errorf("--client-write-timeout %s is less than 1s", f.WriteTimeout)
	case f.DrainTime < 0:
		return f, usage.Errorf("--drain-time %s is negative", f.DrainTime)
	}
	if f.MaxSessions == 0 {
		f.MaxSessions = min(gateway.DefaultMaxSessions, connections.Pairs())
	}
	return f, nil
}
