package arm

import (
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/rest"
)

// audience says who of those with a token may ask for an operation.
type audience int

const (
	allowed   audience = iota // who has its action at its scope
	someBelow                 // and who has it somewhere below
	anyRole                   // who has any role at all
	everyone                  // who has a token
	open                      // who has none, too
)

// route is one operation.
type route struct {
	method   string
	pattern  []string // as of rest.Vars
	scope    int      // how many segments of the path say at which scope action is needed
	action   string   // ARM's name of the permission that it needs
	audience audience
	// conditional says that If-Match and If-None-Match are about what the path names.
	conditional bool
	// admit says that locks are asked before the operation: it may do something without a
	// change of the directory, which would ask them.
	admit bool
	do    func(*call) (answer, error)
}

// vars returns what the pattern's variables take from a path that it matches.
func (r *route) vars(segments []string) (map[string]string, bool) {
	return rest.Vars(r.pattern, segments)
}

// maxPath is how many bytes of path, or of an ARM id, are taken: what is asked for is kept
// in the activity log, and said in errors. Names and types that exist need a third of it.
const maxPath = 2048

func variable(segment string) bool { return strings.HasPrefix(segment, "{") }

// scopeIn is the ARM id at which the route's action is needed for a path. Of the path it
// has what the variables took and nothing else: roles, locks and handlers must mean the
// same thing, however a request spells it.
func (r *route) scopeIn(segments []string) string {
	scope := slices.Clone(r.pattern[:r.scope])
	for i, segment := range scope {
		if variable(segment) {
			scope[i] = segments[i]
		}
	}
	return "/" + strings.Join(scope, "/")
}
