// Package throttledlog owns the log lines that clients can cause at will: those about refused
// strangers, and those about known principals that repeat themselves. One line speaks for its
// source and message for ten seconds, so that no flood fills the log or hides another client
// in it. All programs of this machine are one source.
//
// It knows no product, and never decides whether a request is refused.
package throttledlog

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

const (
	// every is how long one line speaks for its source and message.
	every = 10 * time.Second
	// most is how many sources and messages are told apart at a time. What is beyond is one
	// more together: strangers may have any number of addresses.
	most = 1000
	// mostKnown is the same of known subjects, whose number is not theirs to choose.
	mostKnown = 64 << 10
)

// Log writes at most one line of a source and message in ten seconds. It is safe for
// concurrent use.
type Log struct {
	log *slog.Logger
	now func() time.Time

	mu               sync.Mutex
	strangers, known table
	reasons          map[kind]*reasons
}

// table holds the lines of the last ten seconds.
type table struct {
	most  int
	kinds map[kind]told
	swept time.Time
}

type kind struct {
	from    clientkey.Key
	subject string // of a known principal, or which reason of a source's; else ""
	message string // "" for all beyond most
}

type told struct {
	at   time.Time
	left int // how many lines were left out since
}

// New returns a Log that writes to log.
func New(log *slog.Logger, now func() time.Time) *Log {
	return &Log{
		log: log, now: now,
		strangers: table{most: most, kinds: map[kind]told{}}, known: table{most: mostKnown, kinds: map[kind]told{}},
		reasons: map[kind]*reasons{},
	}
}

// Warn writes that a request from source was refused, unless a line with the same source and
// message was written less than ten seconds ago. The next line says how many were left out.
// message must be the program's own text: one that the client chose would make each line new.
func (l *Log) Warn(source, message string, args ...any) {
	l.say(slog.LevelWarn, source, message, args)
}

// Error is Warn at level Error, for failures that the source did not cause.
func (l *Log) Error(source, message string, args ...any) {
	l.say(slog.LevelError, source, message, args)
}

// Info is Warn at level Info, for refusals that are no sign of an attack.
func (l *Log) Info(source, message string, args ...any) {
	l.say(slog.LevelInfo, source, message, args)
}

// Known writes about a principal that has proved who it is: subject is its id, with whatever
// tells its requests apart. Lines are left out by subject and message, wherever the requests
// come from.
func (l *Log) Known(level slog.Level, subject, message string, args ...any) {
	l.write(level, &l.known, kind{subject: subject, message: message}, args)
}

func (l *Log) say(level slog.Level, source, message string, args []any) {
	l.write(level, &l.strangers, kind{from: clientkey.Parse(source), message: message}, args)
}

func (l *Log) write(level slog.Level, t *table, k kind, args []any) {
	l.mu.Lock()
	left, say := t.count(k, l.now())
	l.mu.Unlock()
	if !say {
		return
	}
	if left > 0 {
		args = append(args[:len(args):len(args)], "left_out", left)
	}
	l.log.Log(context.Background(), level, k.message, args...)
}

func (t *table) count(k kind, now time.Time) (left int, say bool) {
	before, known := t.kinds[k]
	if !known && len(t.kinds) >= t.most {
		t.sweep(now)
		if len(t.kinds) >= t.most {
			k = kind{}
			before, known = t.kinds[k]
		}
	}
	if known && now.Sub(before.at) < every {
		before.left++
		t.kinds[k] = before
		return 0, false
	}
	t.kinds[k] = told{at: now}
	return before.left, true
}

// sweep drops entries whose ten seconds are over, and adds their left-out lines to the entry
// for everything beyond most. It goes through the whole table, so it runs once a second.
func (t *table) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Second {
		return
	}
	t.swept = now
	beyond := t.kinds[kind{}]
	maps.DeleteFunc(t.kinds, func(k kind, one told) bool {
		gone := k != kind{} && now.Sub(one.at) >= every
		if gone {
			beyond.left += one.left
		}
		return gone
	})
	if beyond != (told{}) {
		t.kinds[kind{}] = beyond
	}
}
