package azcli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

// defaultLocation is where things are put when neither flag nor group says.
const defaultLocation = "eastus"

// kind is one type of ARM resource as the command line handles it.
type kind struct {
	armclient.Kind
	confirm bool                     // az asks before deleting one
	shape   func(map[string]any) any // ARM's answer in az's form
}

// target holds the flags by which a command is told its resource.
type target struct {
	group, name string
	ids         []string
}

// bind adds az's flags for naming a resource: group and name, or ids.
func (t *target) bind(cmd *cobra.Command, word string) {
	cmd.Flags().StringVarP(&t.group, "resource-group", "g", "", "resource group")
	cmd.Flags().StringVarP(&t.name, "name", "n", "", "name of the "+word)
}

func (t *target) bindIDs(cmd *cobra.Command, word string) {
	t.bind(cmd, word)
	cmd.Flags().StringArrayVar(&t.ids, "ids", nil, "resource ids, in place of group and name")
}

// ref returns the one resource that group and name say.
func (t *target) ref(cmd *cobra.Command, a *api) (armclient.Ref, error) {
	if err := need(cmd, "resource-group", "name"); err != nil {
		return armclient.Ref{}, err
	}
	return armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: t.group, Name: t.name}, nil
}

// refs returns the resources that the flags name: one, or as many as there are ids.
func (t *target) refs(cmd *cobra.Command, a *api, k kind) ([]armclient.Ref, error) {
	if len(t.ids) == 0 {
		r, err := t.ref(cmd, a)
		return []armclient.Ref{r}, err
	}
	if t.group != "" || t.name != "" {
		return nil, usage.Errorf("--ids stands in place of --resource-group and --name")
	}
	var refs []armclient.Ref
	for _, id := range t.ids {
		r, err := k.ParseID(id)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// need refuses a command whose named flags are empty.
func need(cmd *cobra.Command, flags ...string) error {
	var missing []string
	for _, name := range flags {
		f := cmd.Flags().Lookup(name)
		value := f.Value.String()
		switch {
		case value == "" || value == "[]":
			text := "--" + name
			if f.Shorthand != "" {
				text += "/-" + f.Shorthand
			}
			missing = append(missing, text)
		case !armclient.Segment(value):
			return usage.Errorf("--%s %q is not a name", name, value)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usage.Errorf("missing %s", strings.Join(missing, ", ")).WithHint("see: %s --help", cmd.CommandPath())
}

// printEach prints what one request per resource answers: an object for one
// resource, a list for several.
func (c *CLI) printEach(refs []armclient.Ref, one func(armclient.Ref) (any, error)) error {
	var answers []any
	for _, r := range refs {
		answer, err := one(r)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	if len(answers) == 1 {
		return c.Print(answers[0])
	}
	return c.Print(answers)
}

// newShowCommand makes `KIND show`.
func (c *CLI) newShowCommand(k kind, example string) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show one " + k.Word,
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, k)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r armclient.Ref) (any, error) {
				answer, err := a.Do(cmd.Context(), http.MethodGet, k.Path(r), nil)
				return k.shaped(answer), err
			})
		},
	}
	t.bindIDs(cmd, k.Word)
	return cmd
}

// newListCommand makes `KIND list`.
func (c *CLI) newListCommand(k kind) *cobra.Command {
	var group string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List " + k.Plural + ", in one resource group or all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), k.Collection(a.Operator.SubscriptionID, group))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = k.shaped(all[i])
			}
			return c.Print(all)
		},
	}
	cmd.Flags().StringVarP(&group, "resource-group", "g", "", "resource group")
	return cmd
}

// newDeleteCommand makes `KIND delete`. It asks where az asks.
func (c *CLI) newDeleteCommand(k kind) *cobra.Command {
	var (
		t   target
		yes bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete one " + k.Word,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, k)
			if err != nil {
				return err
			}
			if k.confirm {
				if err := c.Confirm(yes, "delete "+k.Word+" "+namesOf(refs)); err != nil {
					return err
				}
			}
			for _, r := range refs {
				if _, err := a.Do(cmd.Context(), http.MethodDelete, k.Path(r), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
	t.bindIDs(cmd, k.Word)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func namesOf(refs []armclient.Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}
