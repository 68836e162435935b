package throttledlog

import (
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/midas-mysql/midas/internal/clientkey"
)

// mostReasons is how many reasons of one source and message are told apart at a time.
const mostReasons = 8

// reasons are the last ones of a source and message.
type reasons [mostReasons]reason

type reason struct {
	hash uint64    // of its words
	at   time.Time // when it was given last
}

var seed = maphash.MakeSeed()

// Refused is Warn, but that it tells a source's reasons apart, some of them at a time: the client
// has a part in their words, and could make each new. args are to say the reason.
func (l *Log) Refused(source, message, why string, args ...any) {
	k := kind{from: clientkey.Parse(source), message: message}
	l.mu.Lock()
	k.subject = l.place(k, reason{maphash.String(seed, why), l.now()})
	l.mu.Unlock()
	l.write(slog.LevelWarn, &l.strangers, k, args)
}

// place returns what a reason of k is known by among the others: the same for all beyond the most.
func (l *Log) place(k kind, given reason) string {
	recent := func(one reason) bool { return given.at.Sub(one.at) < every }
	those := l.reasons[k]
	if those == nil {
		if len(l.reasons) >= most {
			maps.DeleteFunc(l.reasons, func(_ kind, r *reasons) bool { return !slices.ContainsFunc(r[:], recent) })
		}
		if len(l.reasons) >= most {
			return ""
		}
		those = &reasons{}
		l.reasons[k] = those
	}
	at := slices.IndexFunc(those[:], func(one reason) bool { return one.hash == given.hash })
	if at < 0 {
		at = slices.IndexFunc(those[:], func(one reason) bool { return !recent(one) })
	}
	if at < 0 {
		return ""
	}
	those[at] = given
	return strconv.Itoa(at)
}
