package main

import (
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas/internal/usage"
)

// logFlags are how `midas up` writes its log.
type logFlags struct {
	format, level string
	signIns       bool
}

// logLevels are by the words for them.
var logLevels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug,
}

func (l *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.format, "log-format", "text", "format of the log on standard error: text or json")
	flags.StringVar(&l.level, "log-level", "warn", "what is logged: error, warn, info or debug, each with what is more severe; info includes every sign-in")
	flags.BoolVar(&l.signIns, "log-sign-ins", false, "log every sign-in: the same as --log-level info; those refused are always logged, once in ten seconds for each source and reason")
}

// lowest is the level of the least severe lines.
func (l *logFlags) lowest(verbose bool) (slog.Level, error) {
	level, ok := logLevels[l.level]
	if !ok {
		return 0, usage.Errorf("--log-level %q is not error, warn, info or debug", l.level)
	}
	if l.signIns || verbose {
		level = min(level, slog.LevelInfo)
	}
	return level, nil
}

// newLog is the log of `midas up`, on standard error.
func (c *cli) newLog(l logFlags) (*slog.Logger, error) {
	level, err := l.lowest(c.verbose)
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(c.Err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.Err, options)), nil
	}
	return nil, usage.Errorf("--log-format %q is neither text nor json", l.format)
}
