package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/connections"
)

// gatewaySettings are what an operator decides about the gateway.
type gatewaySettings struct {
	MaxSigningIn          int // connections
	MaxSigningInPerSource int
	WriteTimeout          time.Duration
	// DrainTime is how long sessions may finish their transactions when midas is stopped.
	DrainTime time.Duration
}

func (f *gatewaySettings) add(flags *pflag.FlagSet) {
	flags.IntVar(&f.MaxSigningIn, "max-signing-in", 0, "how many connections to the gateway may be signing in at once; beyond that, those that have not sent their token or password give way to newcomers (default 2048, less where the process may open few files)")
	flags.IntVar(&f.MaxSigningInPerSource, "max-signing-in-per-source", 0, "how many of them may come from one address or IPv6 /64 network; all addresses of this machine are one source (default half of --max-signing-in)")
	flags.DurationVar(&f.DrainTime, "drain-time", 30*time.Second, "how long sessions may finish their transactions after an interrupt, while new ones are refused; another interrupt ends them at once")
	flags.DurationVar(&f.WriteTimeout, "client-write-timeout", gateway.DefaultWriteTimeout, "how long a client may leave its results unread before its session is ended; the database ends it sooner where its own net_write_timeout is shorter")
}

// settings completes f with what is not given.
func (f gatewaySettings) settings() (gatewaySettings, error) {
	switch {
	case f.MaxSigningIn < 0:
		return f, usagef("--max-signing-in %d is less than 1", f.MaxSigningIn)
	case f.MaxSigningIn == 0:
		f.MaxSigningIn = min(gateway.DefaultMaxSigningIn, connections.Share(0))
	}
	switch {
	case f.MaxSigningInPerSource < 0, f.MaxSigningInPerSource > f.MaxSigningIn:
		return f, usagef("--max-signing-in-per-source %d is not between 1 and --max-signing-in, which is %d", f.MaxSigningInPerSource, f.MaxSigningIn)
	case f.WriteTimeout < time.Second:
		return f, usagef("--client-write-timeout %s is less than 1s", f.WriteTimeout)
	case f.DrainTime < 0:
		return f, usagef("--drain-time %s is negative", f.DrainTime)
	}
	return f, nil
}
