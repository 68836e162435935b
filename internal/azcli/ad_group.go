package azcli

import (
	"context"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
)

func (c *CLI) newADGroupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "Security groups of people and service principals"}
	cmd.AddCommand(c.newADGroupCreateCommand(), c.newADGroupListCommand(),
		c.onADGroup("show", "Show one group", http.MethodGet), c.onADGroup("delete", "Delete a group; its members stay", http.MethodDelete),
		c.newADGroupGroupsCommand(), c.newADGroupMemberCommand(), c.newADGroupOwnerCommand())
	return cmd
}

func (c *CLI) newADGroupCreateCommand() *cobra.Command {
	var (
		name, nickname, description string
		force                       bool
	)
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Create a group, unless one with the same two names exists",
		Example: "  midas ad group create --display-name dba --mail-nickname dba",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "display-name", "mail-nickname"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			if !force {
				there, err := a.List(cmd.Context(), filtered(armclient.GraphPath("groups"), where("displayName eq %s", name), where("mailNickname eq %s", nickname)))
				if err != nil {
					return err
				}
				if len(there) > 1 {
					return midas.Errorf(midas.Conflict, "there is more than one group with the names %s and %s", name, nickname).WithHint("add --force to make another")
				}
				if len(there) == 1 {
					return c.Print(there[0])
				}
			}
			body := map[string]any{"displayName": name, "mailNickname": nickname, "mailEnabled": false, "securityEnabled": true}
			if description != "" {
				body["description"] = description
			}
			return c.askGraph(cmd, http.MethodPost, armclient.GraphPath("groups"), body)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "display-name", "", "name to show; need not be unique")
	flags.StringVar(&nickname, "mail-nickname", "", "mail alias")
	flags.StringVar(&description, "description", "", "what the group is for")
	flags.BoolVar(&force, "force", false, "make a group even when there is one of both names")
	return cmd
}

func (c *CLI) newADGroupListCommand() *cobra.Command {
	var name, filter string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the groups",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Columns = "[].{DisplayName: displayName, MailNickname: mailNickname, Id: id}"
			return c.printList(cmd, filtered(armclient.GraphPath("groups"), filter, where("startswith(displayName,%s)", name)))
		},
	}
	bindSearch(cmd, &name, &filter)
	return cmd
}

// groupFlag is az's flag for a group, and the group that it names.
type groupFlag struct{ name string }

func (g *groupFlag) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&g.name, "group", "g", "", "object id, display name, or how the one of that kind begins")
}

// open checks the flags and finds the group, as az does: by id, by its name, or by how
// its name begins when there is one such.
func (g *groupFlag) open(c *CLI, cmd *cobra.Command, also ...string) (*api, string, error) {
	if err := need(cmd, append([]string{"group"}, also...)...); err != nil {
		return nil, "", err
	}
	a, err := c.api()
	if err != nil || isGUID(g.name) {
		return a, g.name, err
	}
	id, err := a.findGroup(cmd.Context(), g.name)
	return a, id, err
}

func (a *api) findGroup(ctx context.Context, name string) (string, error) {
	for _, term := range []string{"displayName eq %s", "startswith(displayName,%s)"} {
		if id, err := a.findOne(ctx, filtered(armclient.GraphPath("groups"), where(term, name)), "group named "+name); id != "" || err != nil {
			return id, err
		}
	}
	return "", midas.Errorf(midas.NotFound, "no group is named %s", name).WithHint("see: midas ad group list")
}

// onADGroup makes a command that is one request about a group.
func (c *CLI) onADGroup(use, short, method string, below ...string) *cobra.Command {
	var g groupFlag
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, id, err := g.open(c, cmd)
			if err != nil {
				return err
			}
			path := armclient.GraphPath(append([]string{"groups", id}, below...)...)
			if use == "list" {
				return c.printList(cmd, path)
			}
			return c.askGraph(cmd, method, path, nil)
		},
	}
	g.bind(cmd)
	return cmd
}

func (c *CLI) newADGroupGroupsCommand() *cobra.Command {
	var (
		g        groupFlag
		security bool
	)
	cmd := &cobra.Command{
		Use:   "get-member-groups",
		Short: "List the ids of the groups that a group is in, through others too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := g.open(c, cmd)
			if err != nil {
				return err
			}
			ids, err := a.memberGroups(cmd, armclient.GraphPath("groups", id), security)
			if err != nil {
				return err
			}
			return c.Print(ids)
		},
	}
	g.bind(cmd)
	bindSecurityOnly(cmd, &security)
	return cmd
}

func (c *CLI) newADGroupMemberCommand() *cobra.Command {
	const flag, usage = "member-id", "object id of a user, group or service principal"
	cmd := &cobra.Command{Use: "member", Short: "Members of a group"}
	cmd.AddCommand(
		c.onADGroup("list", "List the members of a group", http.MethodGet, "members"),
		c.newADReferenceCommand("add", "Add a member to a group", "members", flag, usage),
		c.newADReferenceCommand("remove", "Remove a member from a group", "members", flag, usage),
		c.newADMemberCheckCommand(flag, usage),
	)
	return cmd
}

func (c *CLI) newADGroupOwnerCommand() *cobra.Command {
	const flag, usage = "owner-object-id", "object id of a user or service principal"
	cmd := &cobra.Command{Use: "owner", Short: "Owners of a group"}
	cmd.AddCommand(
		c.onADGroup("list", "List the owners of a group", http.MethodGet, "owners"),
		c.newADReferenceCommand("add", "Add an owner to a group", "owners", flag, usage),
		c.newADReferenceCommand("remove", "Remove an owner from a group", "owners", flag, usage),
	)
	return cmd
}

// newADReferenceCommand makes `add` or `remove` of a relation of a group.
func (c *CLI) newADReferenceCommand(use, short, relation, flag, usage string) *cobra.Command {
	var (
		g     groupFlag
		other string
	)
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := g.open(c, cmd, flag)
			if err != nil {
				return err
			}
			if use == "remove" {
				return c.askGraph(cmd, http.MethodDelete, armclient.GraphPath("groups", id, relation, other, "$ref"), nil)
			}
			return c.askGraph(cmd, http.MethodPost, armclient.GraphPath("groups", id, relation, "$ref"), a.asReference(other))
		},
	}
	g.bind(cmd)
	cmd.Flags().StringVar(&other, flag, "", usage)
	return cmd
}

func (c *CLI) newADMemberCheckCommand(flag, usage string) *cobra.Command {
	var (
		g     groupFlag
		other string
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Tell whether somebody is in a group, through other groups too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, id, err := g.open(c, cmd, flag)
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPost, armclient.GraphPath("directoryObjects", other, "checkMemberGroups"), map[string]any{"groupIds": []string{id}})
			if err != nil {
				return err
			}
			in, _ := armclient.Member(answer, "value").([]any)
			return c.Print(map[string]any{"value": slices.Contains(in, any(id))})
		},
	}
	g.bind(cmd)
	cmd.Flags().StringVar(&other, flag, "", usage)
	return cmd
}
