package main

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
)

func (c *cli) newADCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ad", Short: "Users, groups, applications and service principals of the directory"}
	cmd.AddCommand(c.newADUserCommand(), c.newADGroupCommand(), c.newADAppCommand(), c.newADSPCommand(), c.newADSignedInUserCommand())
	return cmd
}

func (c *cli) newADSignedInUserCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "signed-in-user", Short: "The person whom this command line speaks for"}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Show the person who is signed in",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askGraph(cmd, http.MethodGet, graphPath("me"), nil)
		},
	})
	return cmd
}

// askGraph sends one request and prints the answer, if any.
func (c *cli) askGraph(cmd *cobra.Command, method, path string, body any) error {
	a, err := c.arm()
	if err != nil {
		return err
	}
	answer, err := a.do(cmd.Context(), method, path, body)
	if err != nil {
		return err
	}
	return c.print(answer)
}

// printList prints every element of a collection of Graph.
func (c *cli) printList(cmd *cobra.Command, path string) error {
	a, err := c.arm()
	if err != nil {
		return err
	}
	all, err := a.list(cmd.Context(), path)
	if err != nil {
		return err
	}
	return c.print(all)
}

// findOne returns the id of the one element of a collection, "" when it is empty.
func (a *armClient) findOne(ctx context.Context, path, what string) (string, error) {
	all, err := a.list(ctx, path)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", midas.Errorf(midas.Conflict, "there is more than one %s", what).WithHint("name the one you mean by its object id")
	}
	return words(all[0], "id"), nil
}

// asReference is how Graph is told of an object that another is to be related with.
func (a *armClient) asReference(id string) map[string]any {
	return map[string]any{"@odata.id": a.base + graphPath("directoryObjects", id)}
}

// given is the body of a change: the flags that were given, each under the name that
// Graph has for it.
func given(cmd *cobra.Command, properties map[string]string, values map[string]any) map[string]any {
	body := map[string]any{}
	for flag, property := range properties {
		if cmd.Flags().Changed(flag) {
			body[property] = values[flag]
		}
	}
	return body
}
