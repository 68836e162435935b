package azcli

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/usage"
)

const (
	locksAPI  = "2016-09-01"
	lockTypes = "/providers/Microsoft.Authorization/locks"
)

func (c *CLI) newLockCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "lock", Short: "Locks, which forbid deletions or changes to everyone"}
	cmd.AddCommand(c.newLockCreateCommand(), c.newLockListCommand(), c.newLockOneCommand("show", "Show a lock", http.MethodGet),
		c.newLockOneCommand("delete", "Take a lock away", http.MethodDelete))
	return cmd
}

// lockFlags are az's: a lock is at the subscription, a group or a resource.
type lockFlags struct {
	name, group, resource, kind, namespace string
	ids                                    []string
}

func (f *lockFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.group, "resource-group", "g", "", "resource group (default the subscription)")
	flags.StringVar(&f.resource, "resource", "", "name of a resource in the group")
	flags.StringVar(&f.resource, "resource-name", "", "the same as --resource")
	flags.StringVar(&f.kind, "resource-type", "", "its type, as Microsoft.Compute/virtualMachines")
	flags.StringVar(&f.namespace, "namespace", "", "its namespace, where the type has none")
	sameFlag(cmd, "resource", "resource-name")
}

// scope is the ARM id that the flags mean.
func (f *lockFlags) scope(a *api) (string, error) {
	scope, err := a.OwnSubscription()
	if err != nil {
		return "", err
	}
	if f.group != "" {
		scope += "/resourceGroups/" + f.group
	}
	if f.resource != "" {
		kind := f.kind
		if f.namespace != "" {
			kind = f.namespace + "/" + kind
		}
		if f.group == "" || strings.Count(kind, "/") != 1 {
			return "", usage.Errorf("--resource needs --resource-group and --resource-type").WithHint("a type looks like Microsoft.Compute/virtualMachines")
		}
		scope += "/providers/" + kind + "/" + f.resource
	}
	return cleanScope(scope)
}

// paths are the paths of the locks that the flags mean.
func (f *lockFlags) paths(cmd *cobra.Command, a *api) ([]string, error) {
	const query = "?api-version=" + locksAPI
	var all []string
	for _, id := range f.ids {
		path, err := cleanScope(id)
		if err != nil {
			return nil, err
		}
		all = append(all, path+query)
	}
	if len(all) > 0 {
		return all, nil
	}
	if err := need(cmd, "name"); err != nil {
		return nil, err
	}
	scope, err := f.scope(a)
	return []string{scope + lockTypes + "/" + url.PathEscape(f.name) + query}, err
}

func lockShape(answer any) any {
	body, ok := answer.(map[string]any)
	if !ok {
		return answer
	}
	return flattened(body, "notes", "owners")
}

func (c *CLI) newLockCreateCommand() *cobra.Command {
	var (
		f            lockFlags
		level, notes string
	)
	cmd := &cobra.Command{
		Use: "create", Short: "Create a lock",
		Example: "  midas lock create --name keep --lock-type CanNotDelete --resource-group myResourceGroup",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "name", "lock-type"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			paths, err := f.paths(cmd, a)
			if err != nil {
				return err
			}
			properties := map[string]any{"level": level}
			if notes != "" {
				properties["notes"] = notes
			}
			answer, err := a.Do(cmd.Context(), http.MethodPut, paths[0], map[string]any{"properties": properties})
			if err != nil {
				return err
			}
			return c.Print(lockShape(answer))
		},
	}
	f.bind(cmd)
	cmd.Flags().StringVarP(&f.name, "name", "n", "", "name of the lock")
	cmd.Flags().StringVarP(&level, "lock-type", "t", "", "CanNotDelete, or ReadOnly, which forbids all changes")
	cmd.Flags().StringVar(&notes, "notes", "", "why")
	return cmd
}

func (c *CLI) newLockListCommand() *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the locks of the subscription, a group or a resource",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			scope, err := f.scope(a)
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), scope+lockTypes+"?api-version="+locksAPI)
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = lockShape(all[i])
			}
			c.Columns = "[].{Name: name, Level: level, Notes: notes, ResourceGroup: resourceGroup}"
			return c.Print(all)
		},
	}
	f.bind(cmd)
	return cmd
}

func (c *CLI) newLockOneCommand(use, short, method string) *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			paths, err := f.paths(cmd, a)
			if err != nil {
				return err
			}
			var answers []any
			for _, path := range paths {
				answer, err := a.Do(cmd.Context(), method, path, nil)
				if err != nil {
					return err
				}
				answers = append(answers, lockShape(answer))
			}
			switch {
			case method == http.MethodDelete:
				return nil
			case len(answers) == 1:
				return c.Print(answers[0])
			}
			return c.Print(answers)
		},
	}
	f.bind(cmd)
	cmd.Flags().StringVarP(&f.name, "name", "n", "", "name of the lock")
	cmd.Flags().StringArrayVar(&f.ids, "ids", nil, "ids of locks, in place of the other flags")
	return cmd
}
