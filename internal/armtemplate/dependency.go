package armtemplate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// Step is one resource of a deployment that is about to be created.
type Step struct {
	Resource Resource
	ID       string // ARM id
	Kind     string
	name     string
}

// Steps returns the resources in the template's order. Names and types are evaluated; the
// rest is later, when those before are there.
func (t Template) Steps(e *Evaluation) ([]Step, error) {
	var all []Step
	scope, _ := e.ResourceGroup["id"].(string)
	for _, r := range t.Resources {
		s := Step{Resource: r}
		var err error
		if s.Kind, err = e.text(r.Type); err != nil {
			return nil, err
		}
		if s.name, err = e.text(r.Name); err != nil {
			return nil, err
		}
		path, err := typedPath(s.Kind, strings.Split(s.name, "/"))
		if err != nil {
			return nil, err
		}
		s.ID = scope + path
		all = append(all, s)
	}
	return all, nil
}

// called maps each name that a template may call its resources by to their positions: the
// id, type and name, or the name alone, which several may share.
func called(all []Step) map[string][]int {
	names := map[string][]int{}
	for i, s := range all {
		id := strings.ToLower(s.ID)
		mine := []string{id, strings.ToLower(s.name)}
		segments := strings.Split(id[1:], "/")
		for from := 1; from < len(segments)-1; from++ {
			mine = append(mine, strings.Join(segments[from:], "/"))
		}
		slices.Sort(mine)
		for _, name := range slices.Compact(mine) {
			names[name] = append(names[name], i)
		}
	}
	return names
}

// dependencies are, for each of the resources, those that come before it, each once.
func dependencies(e *Evaluation, all []Step) ([][]int, error) {
	names := called(all)
	after := make([][]int, len(all))
	for i, s := range all {
		seen := map[string]bool{}
		for _, on := range s.Resource.DependsOn {
			text, err := e.text(on)
			if err != nil {
				return nil, err
			}
			name := strings.ToLower(text)
			if seen[name] {
				continue
			}
			seen[name] = true
			found := names[name]
			if found == nil {
				found = names[strings.TrimPrefix(name, "/")]
			}
			if found == nil {
				return nil, fmt.Errorf("the resource '%s' depends on '%s', which is not in the template", s.ID, clip.To(text, 200))
			}
			after[i] = append(after[i], found...)
		}
		slices.Sort(after[i])
		after[i] = slices.Compact(after[i])
	}
	return after, nil
}

// Order sorts by dependencies, keeping the template's order where it can: each time, the
// first resource that waits for none (A. B. Kahn, "Topological sorting of large networks").
func Order(e *Evaluation, all []Step) ([]Step, error) {
	ids := map[string]bool{}
	for _, s := range all {
		id := strings.ToLower(s.ID)
		if ids[id] {
			return nil, fmt.Errorf("the resource '%s' is defined twice", s.ID)
		}
		ids[id] = true
	}
	after, err := dependencies(e, all)
	if err != nil {
		return nil, err
	}
	waits := make([]int, len(all))
	before := make([][]int, len(all))
	for i, on := range after {
		waits[i] = len(on)
		for _, j := range on {
			before[j] = append(before[j], i)
		}
	}
	out := make([]Step, 0, len(all))
	for len(out) < len(all) {
		ready := slices.Index(waits, 0)
		if ready < 0 {
			stuck := slices.IndexFunc(waits, func(n int) bool { return n > 0 })
			return nil, fmt.Errorf("the resources depend on each other in a circle: '%s'", all[stuck].ID)
		}
		waits[ready] = -1
		for _, i := range before[ready] {
			waits[i]--
		}
		out = append(out, all[ready])
	}
	return out, nil
}
