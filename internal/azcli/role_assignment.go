package azcli

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

func isGUID(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }

func (c *CLI) newRoleAssignmentCreateCommand() *cobra.Command {
	var (
		at                                                  scopeFlags
		role, assignee, objectID, kind, description, called string
	)
	cmd := &cobra.Command{
		Use: "create", Short: "Give somebody a role",
		Example: "  midas role assignment create --assignee $CLIENT_ID --role Reader --resource-group myResourceGroup",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "role"); err != nil {
				return err
			}
			if (assignee == "") == (objectID == "") {
				return usage.Errorf("give --assignee or --assignee-object-id, and not both")
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			scope, err := at.id(a)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			roleID, err := a.roleID(ctx, scope, role)
			if err != nil {
				return err
			}
			if assignee != "" {
				if objectID, err = c.objectOf(ctx, assignee); err != nil {
					return err
				}
			}
			properties := map[string]any{"roleDefinitionId": roleID, "principalId": objectID}
			for name, value := range map[string]string{"principalType": kind, "description": description} {
				if value != "" {
					properties[name] = value
				}
			}
			if called == "" {
				called = uuid.NewString()
			}
			return c.assignRole(ctx, a, scope, called, properties)
		},
	}
	at.bind(cmd)
	flags := cmd.Flags()
	flags.StringVar(&role, "role", "", "name or id of the role")
	flags.StringVar(&assignee, "assignee", "", "user principal name, client id or object id of who gets it")
	flags.StringVar(&objectID, "assignee-object-id", "", "object id of who gets it, in place of --assignee")
	flags.StringVar(&kind, "assignee-principal-type", "", "User, Group or ServicePrincipal")
	flags.StringVar(&description, "description", "", "why")
	flags.StringVarP(&called, "name", "n", "", "GUID of the assignment (default a new one)")
	return cmd
}

// assignRole puts a role assignment and prints it. One that is there already under
// another name is printed, as az does.
func (c *CLI) assignRole(ctx context.Context, a *api, scope, name string, properties map[string]any) error {
	if !isGUID(name) {
		return usage.Errorf("--name %q is not a GUID", name)
	}
	answer, err := a.Do(ctx, http.MethodPut, scope+roleAssignments+"/"+name+authorizationQuery(""), map[string]any{"properties": properties})
	if midas.CodeOf(err) == midas.Conflict {
		there, listed := a.List(ctx, scope+roleAssignments+authorizationQuery("principalId eq "+quoted(properties["principalId"].(string))))
		if listed != nil {
			return listed
		}
		for _, one := range there {
			if strings.EqualFold(armclient.Text(one, "properties", "scope"), scope) && strings.EqualFold(armclient.Text(one, "properties", "roleDefinitionId"), properties["roleDefinitionId"].(string)) {
				return c.Print(assignmentShape(one))
			}
		}
	}
	if err != nil {
		return err
	}
	return c.Print(assignmentShape(answer))
}

func assignmentShape(answer any) any {
	body, ok := answer.(map[string]any)
	if !ok {
		return answer
	}
	return flattened(body, "condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId")
}

// assignmentSearch holds the flags by which role assignments are found.
type assignmentSearch struct {
	at                     scopeFlags
	assignee, role         string
	all, inherited, groups bool
}

func (s *assignmentSearch) bind(cmd *cobra.Command) {
	s.at.bind(cmd)
	cmd.Flags().StringVar(&s.assignee, "assignee", "", "user principal name, client id or object id of the principal")
	cmd.Flags().StringVar(&s.role, "role", "", "name or id of the role")
	cmd.Flags().BoolVar(&s.inherited, "include-inherited", false, "those of the scopes above, too")
}

// find returns the assignments that the flags mean: those of one scope, or all.
func (s *assignmentSearch) find(ctx context.Context, c *CLI, a *api) ([]any, error) {
	scope, err := s.at.id(a)
	if err != nil {
		return nil, err
	}
	var objectID, roleID, filter string
	if s.assignee != "" {
		if objectID, err = c.objectOf(ctx, s.assignee); err != nil {
			return nil, err
		}
	}
	if s.role != "" {
		if roleID, err = a.roleID(ctx, scope, s.role); err != nil {
			return nil, err
		}
	}
	var conditions []string
	if !s.all {
		conditions = append(conditions, "atScope()")
	}
	switch {
	case objectID != "" && s.groups:
		conditions = append(conditions, "assignedTo("+quoted(objectID)+")")
	case objectID != "":
		conditions = append(conditions, "principalId eq "+quoted(objectID))
	}
	filter = strings.Join(conditions, " and ")
	found, err := a.List(ctx, scope+roleAssignments+authorizationQuery(filter))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(one any) bool {
		here := s.all || s.inherited || strings.EqualFold(armclient.Text(one, "properties", "scope"), scope)
		return !here || roleID != "" && !strings.EqualFold(armclient.Text(one, "properties", "roleDefinitionId"), roleID)
	}), nil
}

func (c *CLI) newRoleAssignmentListCommand() *cobra.Command {
	var s assignmentSearch
	cmd := &cobra.Command{
		Use: "list", Short: "List who has roles, at the subscription unless you say where",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.all && (s.at.scope != "" || s.at.group != "") {
				return usage.Errorf("--all stands in place of --scope and --resource-group")
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			found, err := s.find(cmd.Context(), c, a)
			if err != nil {
				return err
			}
			named, err := c.nameAssignments(cmd.Context(), a, found)
			if err != nil {
				return err
			}
			c.Columns = "[].{Principal: principalName, Role: roleDefinitionName, Scope: scope}"
			return c.Print(named)
		},
	}
	s.bind(cmd)
	cmd.Flags().BoolVar(&s.all, "all", false, "those at every scope")
	cmd.Flags().BoolVar(&s.groups, "include-groups", false, "with --assignee, those of the groups that it is in, too")
	return cmd
}

// nameAssignments gives assignments az's form, with the names of roles and principals.
func (c *CLI) nameAssignments(ctx context.Context, a *api, found []any) ([]any, error) {
	roles, err := a.List(ctx, "/subscriptions/"+a.Operator.SubscriptionID+roleDefinitions+authorizationQuery(""))
	if err != nil {
		return nil, err
	}
	roleNames := map[string]any{}
	for _, r := range roles {
		roleNames[armclient.Text(r, "id")] = armclient.Member(r, "properties", "roleName")
	}
	var ids []string
	for _, one := range found {
		if id := armclient.Text(one, "properties", "principalId"); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	names, err := c.namesOfObjects(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, one := range found {
		shaped, ok := assignmentShape(one).(map[string]any)
		if !ok {
			continue
		}
		shaped["roleDefinitionName"] = roleNames[armclient.Text(one, "properties", "roleDefinitionId")]
		shaped["principalName"] = names[armclient.Text(one, "properties", "principalId")]
		out = append(out, shaped)
	}
	return out, nil
}

func (c *CLI) newRoleAssignmentDeleteCommand() *cobra.Command {
	var (
		s   assignmentSearch
		ids []string
		yes bool
	)
	cmd := &cobra.Command{
		Use: "delete", Short: "Take roles away",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				if s.assignee == "" && s.role == "" && s.at.scope == "" && s.at.group == "" {
					if err := c.Confirm(yes, "delete all role assignments of the subscription"); err != nil {
						return err
					}
				}
				found, err := s.find(cmd.Context(), c, a)
				if err != nil {
					return err
				}
				for _, one := range found {
					ids = append(ids, armclient.Text(one, "id"))
				}
				if len(ids) == 0 {
					return midas.Errorf(midas.Invalid, "no role assignment is like that").WithHint("see them: midas role assignment list --all --output table")
				}
			}
			for _, id := range ids {
				path, err := cleanScope(id)
				if err != nil {
					return err
				}
				if _, err := a.Do(cmd.Context(), http.MethodDelete, path+authorizationQuery(""), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
	s.bind(cmd)
	cmd.Flags().StringArrayVar(&ids, "ids", nil, "ids of the assignments, in place of the other flags")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
