package azcli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
)

func (c *CLI) newADCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ad", Short: "Users, groups, applications and service principals of the directory"}
	cmd.AddCommand(c.newADUserCommand(), c.newADGroupCommand(), c.newADAppCommand(), c.newADSPCommand(), c.newADSignedInUserCommand())
	return cmd
}

func (c *CLI) newADSignedInUserCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "signed-in-user", Short: "The person whom this command line speaks for"}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Show the person who is signed in",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.askGraph(cmd, http.MethodGet, armclient.GraphPath("me"), nil)
		},
	})
	return cmd
}

// askGraph sends one request and prints the answer, if any.
func (c *CLI) askGraph(cmd *cobra.Command, method, path string, body any) error {
	a, err := c.api()
	if err != nil {
		return err
	}
	answer, err := a.Do(cmd.Context(), method, path, body)
	if err != nil {
		return err
	}
	return c.Print(answer)
}

// printList prints every element of a collection of Graph.
func (c *CLI) printList(cmd *cobra.Command, path string) error {
	a, err := c.api()
	if err != nil {
		return err
	}
	all, err := a.List(cmd.Context(), path)
	if err != nil {
		return err
	}
	return c.Print(all)
}

// findOne returns the id of the one element of a collection, "" when it is empty.
func (a *api) findOne(ctx context.Context, path, what string) (string, error) {
	all, err := a.List(ctx, path)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", midas.Errorf(midas.Conflict, "there is more than one %s", what).WithHint("name the one you mean by its object id")
	}
	return armclient.Text(all[0], "id"), nil
}

// asReference is how Graph is told of an object that another is to be related with.
func (a *api) asReference(id string) map[string]any {
	return map[string]any{"@odata.id": a.URL(armclient.GraphPath("directoryObjects", id))}
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
