package arm

import "github.com/midas-mysql/midas/internal/rest"

// route is one operation.
type route struct {
	method  string
	pattern []string // as of rest.Vars
	action  string   // ARM's name of the permission that it needs
	open    bool     // needs no token
	do      func(*call) (answer, error)
}

// vars returns what the pattern's variables take from a path that it matches.
func (r *route) vars(segments []string) (map[string]string, bool) {
	return rest.Vars(r.pattern, segments)
}
