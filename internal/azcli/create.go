package azcli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

// creation holds the flags with which a resource is made.
type creation struct {
	kind     kind
	target   target
	location string
	tags     []string
}

func (n *creation) bind(cmd *cobra.Command) {
	n.target.bind(cmd, n.kind.Word)
	cmd.Flags().StringVarP(&n.location, "location", "l", "", "location (default the resource group's)")
	bindTags(cmd, &n.tags)
}

// create puts one resource and returns ARM's answer. extend, unless nil, adds to the
// body what is particular to its kind.
func (c *CLI) create(cmd *cobra.Command, n *creation, extend func(r armclient.Ref, body map[string]any) error) (any, error) {
	a, err := c.api()
	if err != nil {
		return nil, err
	}
	r, err := n.target.ref(cmd, a)
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	if body["location"], err = a.place(cmd.Context(), r.Group, n.location); err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("tags") {
		body["tags"] = tagsOf(n.tags)
	}
	if extend != nil {
		if err := extend(r, body); err != nil {
			return nil, err
		}
	}
	return a.Do(cmd.Context(), http.MethodPut, n.kind.Path(r), body)
}

// place returns the location for a new resource: the one asked for, or its group's.
func (a *api) place(ctx context.Context, group, location string) (string, error) {
	if location != "" {
		return locationOf(location), nil
	}
	answer, err := a.Do(ctx, http.MethodGet, a.groupPath(group), nil)
	if err != nil {
		return "", err
	}
	if place := armclient.Text(answer, "location"); place != "" {
		return place, nil
	}
	return defaultLocation, nil
}
