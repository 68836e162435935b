package azcli

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
)

func (c *CLI) newGroupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "Resource groups"}
	cmd.AddCommand(c.newGroupCreateCommand(), c.newGroupShowCommand(), c.newGroupListCommand(),
		c.newGroupExistsCommand(), c.newGroupDeleteCommand())
	return cmd
}

func (c *CLI) newGroupCreateCommand() *cobra.Command {
	var (
		name, location string
		tags           []string
	)
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Create a resource group, or change its tags",
		Example: "  midas group create --name myResourceGroup --location eastus",
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := map[string]any{"location": locationOf(location)}
			if cmd.Flags().Changed("tags") {
				body["tags"] = tagsOf(tags)
			}
			return c.onGroup(cmd, http.MethodPut, name, body)
		},
	}
	bindGroupName(cmd, &name)
	cmd.Flags().StringVarP(&location, "location", "l", defaultLocation, "location")
	bindTags(cmd, &tags)
	return cmd
}

func (c *CLI) newGroupShowCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show one resource group",
		Example: "  midas group show --name myResourceGroup",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onGroup(cmd, http.MethodGet, name, nil)
		},
	}
	bindGroupName(cmd, &name)
	return cmd
}

func (c *CLI) newGroupListCommand() *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the resource groups",
		Example: "  midas group list --tag team=a",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			path := armclient.ResourcePath(a.Operator.SubscriptionID, armclient.GroupAPI, "resourcegroups")
			if tag != "" {
				path += "&$filter=" + url.QueryEscape(tagFilter(tag))
			}
			all, err := a.List(cmd.Context(), path)
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = groupShape(all[i])
			}
			c.Columns = "[].{Name: name, Location: location, Status: properties.provisioningState}"
			return c.Print(all)
		},
	}
	cmd.Flags().StringVar(&tag, "tag", "", "tag, as name or name=value")
	return cmd
}

// tagFilter is the $filter for a tag that is given as name or name=value.
func tagFilter(tag string) string {
	name, value, valued := strings.Cut(tag, "=")
	if !valued {
		return "tagName eq " + quoted(name)
	}
	return "tagName eq " + quoted(name) + " and tagValue eq " + quoted(value)
}

func (c *CLI) newGroupExistsCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "exists",
		Short: "Print true or false: whether a resource group exists",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "name"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			_, err = a.Do(cmd.Context(), http.MethodHead, a.groupPath(name), nil)
			if err != nil && midas.CodeOf(err) != midas.NotFound {
				return err
			}
			return c.Print(err == nil)
		},
	}
	bindGroupName(cmd, &name)
	return cmd
}

func (c *CLI) newGroupDeleteCommand() *cobra.Command {
	var (
		name string
		yes  bool
	)
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete a resource group with all that it holds",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "name"); err != nil {
				return err
			}
			if err := c.Confirm(yes, "delete resource group "+name+" with all that it holds"); err != nil {
				return err
			}
			return c.onGroup(cmd, http.MethodDelete, name, nil)
		},
	}
	bindGroupName(cmd, &name)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// onGroup sends one request about a resource group and prints the answer, if any.
func (c *CLI) onGroup(cmd *cobra.Command, method, name string, body any) error {
	if err := need(cmd, "name"); err != nil {
		return err
	}
	a, err := c.api()
	if err != nil {
		return err
	}
	answer, err := a.Do(cmd.Context(), method, a.groupPath(name), body)
	if err != nil {
		return err
	}
	return c.Print(groupShape(answer))
}

func (a *api) groupPath(name string) string {
	return armclient.ResourcePath(a.Operator.SubscriptionID, armclient.GroupAPI, "resourcegroups", name)
}

// groupShape is az's form of a resource group, which keeps "properties" as it is.
func groupShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		for _, key := range []string{"managedBy", "tags"} {
			if _, has := body[key]; !has {
				body[key] = nil
			}
		}
	}
	return answer
}

// bindGroupName adds the flags that name a group: az takes -n and -g alike.
func bindGroupName(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "name", "n", "", "name of the resource group")
	cmd.Flags().StringVarP(name, "resource-group", "g", "", "the same as --name")
	sameFlag(cmd, "name", "resource-group")
}

func bindTags(cmd *cobra.Command, tags *[]string) {
	cmd.Flags().StringArrayVar(tags, "tags", nil, `tags, each key=value or key; "" clears them`)
}
