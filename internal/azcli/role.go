package azcli

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

const (
	authorizationAPI = "2022-04-01"
	roleDefinitions  = "/providers/Microsoft.Authorization/roleDefinitions"
	roleAssignments  = "/providers/Microsoft.Authorization/roleAssignments"
)

func (c *CLI) newRoleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "role", Short: "Roles: who may do what with which resources"}
	definition := &cobra.Command{Use: "definition", Short: "Role definitions"}
	definition.AddCommand(c.newRoleDefinitionListCommand())
	assignment := &cobra.Command{Use: "assignment", Short: "Who has a role at the subscription, a group or a resource"}
	assignment.AddCommand(c.newRoleAssignmentCreateCommand(), c.newRoleAssignmentListCommand(), c.newRoleAssignmentDeleteCommand())
	cmd.AddCommand(definition, assignment)
	return cmd
}

// scopeFlags say at which scope a role or lock is meant: the subscription unless they
// say otherwise.
type scopeFlags struct {
	scope, group string
}

func (f *scopeFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.scope, "scope", "", "ARM id of the subscription, a group or a resource (default the subscription)")
	cmd.Flags().StringVarP(&f.group, "resource-group", "g", "", "resource group, in place of --scope")
}

// ID returns the ARM id, with each of its segments fit to stand in a path.
func (f *scopeFlags) id(a *api) (string, error) {
	if f.scope != "" && f.group != "" {
		return "", usage.Errorf("--scope stands in place of --resource-group")
	}
	scope := f.scope
	if scope == "" {
		own, err := a.OwnSubscription()
		if err != nil {
			return "", err
		}
		scope = own
		if f.group != "" {
			scope += "/resourceGroups/" + f.group
		}
	}
	return cleanScope(scope)
}

// cleanScope checks an ARM id, so that it can never mean another path than it shows.
func cleanScope(scope string) (string, error) {
	trimmed := strings.Trim(scope, "/")
	for part := range strings.SplitSeq(trimmed, "/") {
		if !armclient.Segment(part) || strings.ContainsAny(part, "?#%") {
			return "", usage.Errorf("%q is not the id of a scope", scope).WithHint("an id begins with /subscriptions/")
		}
	}
	if !strings.HasPrefix(strings.ToLower(trimmed), "subscriptions/") {
		return "", usage.Errorf("%q is not the id of a scope", scope).WithHint("an id begins with /subscriptions/")
	}
	return "/" + trimmed, nil
}

// query makes the query of a request to Microsoft.Authorization.
func authorizationQuery(filter string) string {
	values := url.Values{"api-version": {authorizationAPI}}
	if filter != "" {
		values.Set("$filter", filter)
	}
	return "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
}

func (c *CLI) newRoleDefinitionListCommand() *cobra.Command {
	var (
		at     scopeFlags
		name   string
		custom bool
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List the role definitions",
		Example: "  midas role definition list --name \"Managed Identity Operator\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			scope, err := at.id(a)
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), scope+roleDefinitions+authorizationQuery(""))
			if err != nil {
				return err
			}
			some := []any{}
			for _, one := range all {
				named := name == "" || armclient.Text(one, "name") == name || armclient.Text(one, "properties", "roleName") == name
				if named && (!custom || armclient.Text(one, "properties", "type") == "CustomRole") {
					some = append(some, roleShape(one))
				}
			}
			c.Columns = "[].{Name: roleName, Type: roleType, Description: description}"
			return c.Print(some)
		},
	}
	at.bind(cmd)
	cmd.Flags().StringVarP(&name, "name", "n", "", "name or GUID of the role")
	cmd.Flags().BoolVar(&custom, "custom-role-only", false, "leave out the built-in roles, which are all that there are")
	return cmd
}

// roleShape is az's form of a role definition, where the type of the role stands beside
// ARM's type of the thing.
func roleShape(answer any) any {
	body, ok := answer.(map[string]any)
	if !ok {
		return answer
	}
	out := flattened(body)
	delete(out, "resourceGroup")
	out["roleType"] = armclient.Member(body, "properties", "type")
	return out
}

// roleID returns the ARM id of the role that is named by name, GUID or ARM id.
func (a *api) roleID(ctx context.Context, scope, role string) (string, error) {
	prefix := "/subscriptions/" + a.Operator.SubscriptionID + roleDefinitions + "/"
	switch {
	case strings.Contains(strings.ToLower(role), strings.ToLower(roleDefinitions+"/")):
		return role, nil
	case isGUID(role):
		return prefix + strings.ToLower(role), nil
	}
	found, err := a.List(ctx, scope+roleDefinitions+authorizationQuery("roleName eq "+quoted(role)))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", midas.Errorf(midas.Invalid, "role %q does not exist", role).WithHint("see them: midas role definition list --output table")
	}
	return armclient.Text(found[0], "id"), nil
}

// objectOf returns the object id of the principal that --assignee names, in az's order: a user by
// principal name, a service principal by client id, else the text is the object id.
func (c *CLI) objectOf(ctx context.Context, assignee string) (string, error) {
	g, err := c.api()
	if err != nil {
		return "", err
	}
	path := filtered(armclient.GraphPath("servicePrincipals"), where("servicePrincipalNames/any(c:c eq %s)", assignee))
	if strings.Contains(assignee, "@") {
		path = filtered(armclient.GraphPath("users"), where("userPrincipalName eq %s", assignee))
	}
	found, err := g.List(ctx, path)
	switch {
	case err != nil:
		return "", err
	case len(found) > 0:
		return armclient.Text(found[0], "id"), nil
	case isGUID(assignee):
		return assignee, nil
	}
	return "", midas.Errorf(midas.NotFound, "no user or service principal %q in the directory", assignee).
		WithHint("give its object id: --assignee-object-id")
}

// namesOfObjects returns names of directory objects by id. Those that are gone have none.
func (c *CLI) namesOfObjects(ctx context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	if len(ids) == 0 {
		return names, nil
	}
	g, err := c.api()
	if err != nil {
		return nil, err
	}
	const most = 1000 // of getByIds
	for len(ids) > 0 {
		n := min(len(ids), most)
		answer, err := g.Do(ctx, http.MethodPost, armclient.GraphPath("directoryObjects", "getByIds"), map[string]any{"ids": ids[:n]})
		if err != nil {
			return nil, err
		}
		found, _ := armclient.Member(answer, "value").([]any)
		for _, one := range found {
			name := armclient.Text(one, "displayName")
			for _, better := range []string{"userPrincipalName", "appId"} {
				if text := armclient.Text(one, better); text != "" {
					name = text
				}
			}
			names[armclient.Text(one, "id")] = name
		}
		ids = ids[n:]
	}
	return names, nil
}
