package main

import (
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas/internal/usage"
)

// logFlags are how `midas up` writes its log.
type logFlags struct {
	format, level string
	signIns       bool
	lowest        slog.LevelVar // of the lines that are written
}

// logLevels are by the words for them.
var logLevels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug,
}

func (l *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.format, "log-format", "text", "format of the log on standard error: text or json")
	flags.StringVar(&l.level, "log-level", "warn", "least severe level that is logged: error, warn, info or debug; info includes every sign-in")
	flags.BoolVar(&l.signIns, "log-sign-ins", false, "log every sign-in, as --log-level info does; refused ones are always logged, at most once in ten seconds for each source and reason")
}

// set sets the least severe level that is logged, as the flags say.
func (l *logFlags) set(verbose bool) error {
	level, ok := logLevels[l.level]
	if !ok {
		return usage.Errorf("--log-level %q is not error, warn, info or debug", l.level)
	}
	if l.signIns || verbose {
		level = min(level, slog.LevelInfo)
	}
	l.lowest.Set(level)
	return nil
}

// again reads the level again where it comes from the settings file.
func (l *logFlags) again(c *cli, cmd *cobra.Command) error {
	if err := configureAgain(cmd, "log-level", "log-sign-ins"); err != nil {
		return err
	}
	return l.set(c.verbose)
}

// newLog is the log of `midas up`, on standard error.
func (c *cli) newLog(l *logFlags) (*slog.Logger, error) {
	if err := l.set(c.verbose); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: &l.lowest}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(c.Err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.Err, options)), nil
	}
	return nil, usage.Errorf("--log-format %q is neither text nor json", l.format)
}
