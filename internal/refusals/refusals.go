// Package refusals owns how refused strangers are told in the log: seldom enough that none
// of them fills it, or hides in it who is refused elsewhere. Programs of one machine are one
// sender: of all but the first there is a number alone.
//
// It knows no product, and not why anybody is refused.
package refusals

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/midas-mysql/midas/internal/sender"
)

const (
	// every is how long one line speaks for its source and message.
	every = 10 * time.Second
	// most is how many sources and messages are told apart at a time. What is beyond is one
	// more together: strangers may have any number of addresses.
	most = 1000
)

// Log writes refusals. It is safe for concurrent use.
type Log struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	kinds map[kind]told
	swept time.Time
}

type kind struct {
	from    sender.Sender
	message string // "" for all beyond most
}

type told struct {
	at   time.Time
	left int // unsaid since
}

// New returns a Log that writes to log.
func New(log *slog.Logger, now func() time.Time) *Log {
	return &Log{log: log, now: now, kinds: map[kind]told{}}
}

// Warn says that a request from source was refused, unless it said so of that source with
// the same message a moment ago. The next line then has how many were left out. The message
// is never the stranger's.
func (l *Log) Warn(source, message string, args ...any) {
	l.say(slog.LevelWarn, source, message, args)
}

// Error is Warn for what is no fault of the source.
func (l *Log) Error(source, message string, args ...any) {
	l.say(slog.LevelError, source, message, args)
}

// Info is Warn for what is no attempt at anything.
func (l *Log) Info(source, message string, args ...any) {
	l.say(slog.LevelInfo, source, message, args)
}

func (l *Log) say(level slog.Level, source, message string, args []any) {
	if left, say := l.count(kind{sender.Parse(source), message}); say {
		if left > 0 {
			args = append(args[:len(args):len(args)], "left_out", left)
		}
		l.log.Log(context.Background(), level, message, args...)
	}
}

func (l *Log) count(k kind) (left int, say bool) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.kinds[k]
	if !known && len(l.kinds) >= most {
		l.sweep(now)
		if len(l.kinds) >= most {
			k = kind{}
			before, known = l.kinds[k]
		}
	}
	if known && now.Sub(before.at) < every {
		before.left++
		l.kinds[k] = before
		return 0, false
	}
	l.kinds[k] = told{at: now}
	return before.left, true
}

// sweep forgets what a line would be written of anyway; what that line would have said was
// left out counts as left out of those beyond. It looks at all, so once a second. The lock
// is held.
func (l *Log) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	beyond := l.kinds[kind{}]
	maps.DeleteFunc(l.kinds, func(k kind, t told) bool {
		gone := k != kind{} && now.Sub(t.at) >= every
		if gone {
			beyond.left += t.left
		}
		return gone
	})
	if beyond != (told{}) {
		l.kinds[kind{}] = beyond
	}
}
