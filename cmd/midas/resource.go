package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/midas-mysql/midas/internal/usage"
	"github.com/spf13/cobra"
)

// defaultLocation is where things are put when neither flag nor group says.
const defaultLocation = "eastus"

// kind is one type of ARM resource as the command line handles it.
type kind struct {
	word       string // how people call it
	provider   string // namespace and type
	apiVersion string
	confirm    bool                     // az asks before deleting one
	shape      func(map[string]any) any // ARM's answer in az's form
}

// ref names one resource.
type ref struct {
	subscription, group, name string
}

// path returns the ARM path of r, or of something below it. Each segment is escaped,
// so that a name can never reach another resource.
func (k kind) path(r ref, below ...string) string {
	segments := append([]string{"resourceGroups", r.group, "providers"}, strings.Split(k.provider, "/")...)
	segments = append(append(segments, r.name), below...)
	return resourcePath(r.subscription, k.apiVersion, segments...)
}

// collection returns the path that lists this kind in a group, or everywhere if
// group is empty.
func (k kind) collection(subscription, group string) string {
	segments := append([]string{"providers"}, strings.Split(k.provider, "/")...)
	if group != "" {
		segments = append([]string{"resourceGroups", group}, segments...)
	}
	return resourcePath(subscription, k.apiVersion, segments...)
}

// id returns the ARM id of a resource of this kind.
func (k kind) id(r ref) string {
	return "/subscriptions/" + r.subscription + "/resourceGroups/" + r.group + "/providers/" + k.provider + "/" + r.name
}

func resourcePath(subscription, apiVersion string, segments ...string) string {
	var b strings.Builder
	b.WriteString("/subscriptions/" + url.PathEscape(subscription))
	for _, segment := range segments {
		b.WriteString("/" + url.PathEscape(segment))
	}
	return b.String() + "?api-version=" + apiVersion
}

// parseID reads an ARM id of this kind.
func (k kind) parseID(id string) (ref, error) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	wrong := usage.Errorf("%q is not the id of a %s", id, k.word).
		WithHint("an id looks like %s", k.id(ref{"SUBSCRIPTION", "GROUP", "NAME"}))
	if len(parts) != 8 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") ||
		!strings.EqualFold(strings.Join(parts[4:7], "/"), "providers/"+k.provider) {
		return ref{}, wrong
	}
	r := ref{subscription: parts[1], group: parts[3], name: parts[7]}
	if r.subscription == "" || !segment(r.group) || !segment(r.name) {
		return ref{}, wrong
	}
	return r, nil
}

// segment reports whether s can stand as one segment of a path: the two dot names
// would be resolved away on the road to the server.
func segment(s string) bool { return s != "" && s != "." && s != ".." }

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
func (t *target) ref(cmd *cobra.Command, a *armClient) (ref, error) {
	if err := need(cmd, "resource-group", "name"); err != nil {
		return ref{}, err
	}
	return ref{subscription: a.operator.SubscriptionID, group: t.group, name: t.name}, nil
}

// refs returns the resources that the flags name: one, or as many as there are ids.
func (t *target) refs(cmd *cobra.Command, a *armClient, k kind) ([]ref, error) {
	if len(t.ids) == 0 {
		r, err := t.ref(cmd, a)
		return []ref{r}, err
	}
	if t.group != "" || t.name != "" {
		return nil, usage.Errorf("--ids stands in place of --resource-group and --name")
	}
	var refs []ref
	for _, id := range t.ids {
		r, err := k.parseID(id)
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
		case !segment(value):
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
func (c *cli) printEach(refs []ref, one func(ref) (any, error)) error {
	var answers []any
	for _, r := range refs {
		answer, err := one(r)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	if len(answers) == 1 {
		return c.print(answers[0])
	}
	return c.print(answers)
}

// newShowCommand makes `KIND show`.
func (c *cli) newShowCommand(k kind, example string) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show one " + k.word,
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.arm()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, k)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r ref) (any, error) {
				answer, err := a.do(cmd.Context(), http.MethodGet, k.path(r), nil)
				return k.shaped(answer), err
			})
		},
	}
	t.bindIDs(cmd, k.word)
	return cmd
}

// newListCommand makes `KIND list`.
func (c *cli) newListCommand(k kind) *cobra.Command {
	var group string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List each " + k.word + " of a resource group, or all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.arm()
			if err != nil {
				return err
			}
			all, err := a.list(cmd.Context(), k.collection(a.operator.SubscriptionID, group))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = k.shaped(all[i])
			}
			return c.print(all)
		},
	}
	cmd.Flags().StringVarP(&group, "resource-group", "g", "", "resource group")
	return cmd
}

// newDeleteCommand makes `KIND delete`. It asks where az asks.
func (c *cli) newDeleteCommand(k kind) *cobra.Command {
	var (
		t   target
		yes bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete one " + k.word,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.arm()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, k)
			if err != nil {
				return err
			}
			if k.confirm {
				if err := c.confirm(yes, "delete "+k.word+" "+namesOf(refs)); err != nil {
					return err
				}
			}
			for _, r := range refs {
				if _, err := a.do(cmd.Context(), http.MethodDelete, k.path(r), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
	t.bindIDs(cmd, k.word)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func namesOf(refs []ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}
