package seed

import "strings"

// twice complains about a thing that is declared two times: which of the two holds
// would be a guess.
func (w *World) twice() error {
	seen := map[[2]string]bool{}
	once := func(list string, i int, key string) error {
		key = strings.ToLower(key)
		if seen[[2]string{list, key}] {
			return w.complain("%s is declared twice", []any{key}, list, i, "name")
		}
		seen[[2]string{list, key}] = true
		return nil
	}
	for list, keys := range map[string][]string{
		"users":           keysOf(w.Users, func(u User) string { return u.Name }),
		"applications":    keysOf(w.Applications, func(a Application) string { return a.Name }),
		"groups":          keysOf(w.Groups, func(g Group) string { return g.Name }),
		"resource-groups": keysOf(w.ResourceGroups, func(g ResourceGroup) string { return g.Name }),
		"identities":      keysOf(w.Identities, func(id Identity) string { return id.Group + "/" + id.Name }),
		"vms":             keysOf(w.VMs, func(vm VM) string { return vm.Group + "/" + vm.Name }),
		"servers":         keysOf(w.Servers, func(s Server) string { return s.Name }),
	} {
		for i, key := range keys {
			if err := once(list, i, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func keysOf[T any](list []T, key func(T) string) []string {
	keys := make([]string, len(list))
	for i, element := range list {
		keys[i] = key(element)
	}
	return keys
}
