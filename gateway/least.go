package gateway

import (
	"fmt"
	"strings"

	"github.com/midas-mysql/midas/internal/wire"
)

// What a backend greets with is at the word of those who run it. Where servers share an address, it
// must not keep the clients of the others out.

// remember keeps what a backend greeted with last: it may have been upgraded meanwhile.
func (l *learned) remember(g wire.Greeting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.met {
		l.met, l.family = true, familyOf(g)
	}
	l.greeting = g
}

// last returns the greeting, and whether there is one.
func (l *learned) last() (wire.Greeting, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.greeting, l.greeting.Version != ""
}

// greetedAnother tells whether the backend was of another family when it was met. One that takes
// its place decides for itself alone, however old its server is: the others were made to fit the
// one before, and their clients would all be refused.
func (l *learned) greetedAnother() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return familyOf(l.greeting) != l.family
}

// usual are capabilities that every server has behind which midas keeps accounts. Without them
// clients get no results of procedures, for one.
const usual = wire.ClientLongFlag | wire.ClientFoundRows | wire.ClientConnectWithDB | wire.ClientTransactions |
	wire.ClientMultiStatements | wire.ClientMultiResults

// oldestGreeting is the version below which clients give up. No backend is as old.
const oldestGreeting = "5.7"

// least is what servers of one family can all do: the common capabilities, and the oldest
// version. One that says it can do less than any server can is left out as long as there is
// another: it would take that from the clients of all.
func least(all []wire.Greeting) wire.Greeting {
	var able []wire.Greeting
	for _, g := range all {
		if g.Capabilities.Has(usual) && !olderVersion(g.Version, oldestGreeting) {
			able = append(able, g)
		}
	}
	if len(able) > 0 {
		all = able
	}
	g := all[0]
	for _, other := range all[1:] {
		if familyOf(other) != familyOf(g) {
			continue
		}
		common := g.Capabilities & other.Capabilities
		if olderVersion(other.Version, g.Version) {
			g = other
		}
		g.Capabilities = common
	}
	return g
}

// olderVersion compares the numbers that versions begin with. MariaDB may put 5.5.5- in front
// of its own.
func olderVersion(a, b string) bool {
	numbers := func(version string) (n [3]int) {
		fmt.Sscanf(strings.TrimPrefix(version, "5.5.5-"), "%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	x, y := numbers(a), numbers(b)
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}
