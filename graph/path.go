package graph

import (
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/rest"
)

// route is one operation.
type route struct {
	method  string
	pattern []string // as of rest.Vars
	access  access
	do      func(*call) (answer, error)
}

// locate takes the request's path apart: c.root is the service, what is returned lies
// below it. Keys in parentheses become segments of their own.
func (c *call) locate() ([]string, error) {
	segments, ok := rest.SplitPath(c.URL.EscapedPath())
	if !ok {
		return nil, errSegment([]string{c.URL.Path})
	}
	at := 0
	if len(segments) > 0 && strings.EqualFold(segments[0], "graph") {
		at = 1
	}
	if len(segments) <= at || !version(segments[at]) {
		return nil, errSegment(segments)
	}
	c.root = c.base + rest.JoinPath(segments[:at+1])
	var below []string
	for _, segment := range segments[at+1:] {
		name, key, keyed, err := splitKey(segment)
		if err != nil {
			return nil, err
		}
		below = append(below, name)
		if key != "" {
			below = append(below, key)
		}
		if keyed != "" {
			c.keyed = keyed
		}
	}
	return c.me(below)
}

// splitKey takes users('KEY') and servicePrincipals(appId='KEY') apart. Only appId is
// an alternate key, and only of these two collections.
// Source: OData 4.01 URL Conventions, section 4.3; Graph's reference of application.
func splitKey(segment string) (name, key, keyed string, err error) {
	name, inner, found := strings.Cut(segment, "(")
	if !found {
		return segment, "", "", nil
	}
	inner, closed := strings.CutSuffix(inner, ")")
	alternate, quoted, named := strings.Cut(inner, "='")
	switch {
	case named && strings.EqualFold(strings.TrimSpace(alternate), "appId") && (strings.EqualFold(name, "servicePrincipals") || strings.EqualFold(name, "applications")):
		keyed = "appid"
	case strings.HasPrefix(inner, "'"):
		quoted = inner[1:]
	default:
		return "", "", "", errSegment([]string{segment})
	}
	key, ended := strings.CutSuffix(quoted, "'")
	plain := strings.ReplaceAll(key, "''", "")
	if !closed || !ended || name == "" || key == "" || strings.Contains(plain, "'") {
		return "", "", "", errSegment([]string{segment})
	}
	return name, strings.ReplaceAll(key, "''", "'"), keyed, nil
}

// match finds the route of a request; without one, allowed lists the methods that
// the path has.
func (a *API) match(c *call, segments []string) (found *route, allowed []string) {
	for i := range a.routes {
		vars, ok := rest.Vars(a.routes[i].pattern, segments)
		if !ok {
			continue
		}
		if a.routes[i].method == c.Method {
			c.vars = vars
			return &a.routes[i], nil
		}
		if !slices.Contains(allowed, a.routes[i].method) {
			allowed = append(allowed, a.routes[i].method)
		}
	}
	return nil, allowed
}
