// Package refusals owns what others can have written to the log at will: refused strangers, and
// known principals that repeat themselves. They are told seldom enough that none fills the log,
// or hides in it who does the same elsewhere. Programs of one machine are one sender: of all but
// the first there is a number alone.
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
	// mostKnown is the same of known subjects, whose number is not theirs to choose.
	mostKnown = 64 << 10
)

// Log writes refusals. It is safe for concurrent use.
type Log struct {
	log *slog.Logger
	now func() time.Time

	mu               sync.Mutex
	strangers, known table
}

// table has what was told a moment ago.
type table struct {
	most  int
	kinds map[kind]told
	swept time.Time
}

type kind struct {
	from    sender.Sender
	subject string // of a known principal; "" for a source
	message string // "" for all beyond most
}

type told struct {
	at   time.Time
	left int // unsaid since
}

// New returns a Log that writes to log.
func New(log *slog.Logger, now func() time.Time) *Log {
	return &Log{
		log: log, now: now,
		strangers: table{most: most, kinds: map[kind]told{}}, known: table{most: mostKnown, kinds: map[kind]told{}},
	}
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

// Known is for what a principal does that has proved who it is: subject is its id, with what
// else tells its deeds apart. It is told as refusals are, wherever the request came from.
func (l *Log) Known(level slog.Level, subject, message string, args ...any) {
	l.write(level, &l.known, kind{subject: subject, message: message}, args)
}

func (l *Log) say(level slog.Level, source, message string, args []any) {
	l.write(level, &l.strangers, kind{from: sender.Parse(source), message: message}, args)
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

// sweep forgets what a line would be written of anyway; what that line would have said was
// left out counts as left out of those beyond. It looks at all, so once a second.
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
