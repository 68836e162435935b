package azcli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
)

// principalKind is one of the two kinds of object that have credentials.
type principalKind struct {
	word, set string
	// find returns the object id of what --id names.
	find func(a *api, ctx context.Context, id string) (string, error)
	help string // of --id
}

var (
	applicationKind = principalKind{"application", "applications", (*api).findApplication, "client id, object id or identifier URI"}
	spKind          = principalKind{"service principal", "servicePrincipals", (*api).findServicePrincipal, "client id, object id or identifier URI"}
)

// findApplication is az's way to tell a client id from an object id: it asks.
func (a *api) findApplication(ctx context.Context, id string) (string, error) {
	term := "identifierUris/any(s:s eq %s)"
	if isGUID(id) {
		term = "appId eq %s"
	}
	found, err := a.findOne(ctx, filtered(armclient.GraphPath("applications"), where(term, id)), "application "+id)
	if err == nil && found == "" && isGUID(id) {
		return id, nil
	}
	if err == nil && found == "" {
		err = midas.Errorf(midas.NotFound, "no application has the identifier URI %s", id).WithHint("see: midas ad app list --all")
	}
	return found, err
}

func (a *api) findServicePrincipal(ctx context.Context, id string) (string, error) {
	found, err := a.findOne(ctx, filtered(armclient.GraphPath("servicePrincipals"), where("servicePrincipalNames/any(c:c eq %s)", id)), "service principal "+id)
	if err == nil && found == "" && isGUID(id) {
		return id, nil
	}
	if err == nil && found == "" {
		err = midas.Errorf(midas.NotFound, "no service principal has the name %s", id).WithHint("see: midas ad sp list --all")
	}
	return found, err
}

// principalFlag is az's --id of an application or service principal.
type principalFlag struct {
	kind principalKind
	id   string
}

func (p *principalFlag) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.id, "id", "", p.kind.help)
}

func (p *principalFlag) open(c *CLI, cmd *cobra.Command, also ...string) (*api, string, error) {
	// An identifier URI is a URL: not a name, and yet no path.
	if p.id == "" {
		return nil, "", need(cmd, "id")
	}
	if err := need(cmd, also...); err != nil {
		return nil, "", err
	}
	a, err := c.api()
	if err != nil {
		return nil, "", err
	}
	id, err := p.kind.find(a, cmd.Context(), p.id)
	return a, id, err
}

// onPrincipal makes a command that is one request about an application or service
// principal.
func (c *CLI) onPrincipal(kind principalKind, use, short, method string) *cobra.Command {
	p := principalFlag{kind: kind}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, id, err := p.open(c, cmd)
			if err != nil {
				return err
			}
			return c.askGraph(cmd, method, armclient.GraphPath(kind.set, id), nil)
		},
	}
	p.bind(cmd)
	return cmd
}

func (c *CLI) newADAppCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "app", Short: "Applications: what signs in with a secret or a certificate"}
	cmd.AddCommand(
		c.newADAppCreateCommand(), c.newADAppListCommand(), c.newADAppUpdateCommand(),
		c.onPrincipal(applicationKind, "show", "Show one application", http.MethodGet),
		c.onPrincipal(applicationKind, "delete", "Delete an application with its service principal", http.MethodDelete),
		c.newADCredentialCommand(applicationKind),
	)
	return cmd
}

// appFlags are what az sets of an application.
type appFlags struct {
	name           string
	identifierURIs []string
	redirectURIs   []string
}

func (f *appFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "display-name", "", "name to show; need not be unique")
	cmd.Flags().StringArrayVar(&f.identifierURIs, "identifier-uris", nil, "URIs that name the application as a resource")
	cmd.Flags().StringArrayVar(&f.redirectURIs, "web-redirect-uris", nil, "URLs to which a sign-in returns")
}

func (f *appFlags) body(cmd *cobra.Command) map[string]any {
	body := given(cmd, map[string]string{"display-name": "displayName", "identifier-uris": "identifierUris"},
		map[string]any{"display-name": f.name, "identifier-uris": compact(f.identifierURIs)})
	if cmd.Flags().Changed("web-redirect-uris") {
		body["web"] = map[string]any{"redirectUris": compact(f.redirectURIs)}
	}
	return body
}

// compact leaves empty words out: one alone clears a list.
func compact(all []string) []string {
	out := []string{}
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *CLI) newADAppCreateCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Register an application, or change the one of that name",
		Example: "  midas ad app create --display-name myApp --query appId --output tsv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "display-name"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			app, err := a.ensureApplication(cmd.Context(), f.name, f.body(cmd))
			if err != nil {
				return err
			}
			return c.Print(app)
		},
	}
	f.bind(cmd)
	return cmd
}

// ensureApplication registers an application or, when there is one of that name,
// changes it, as az does.
func (a *api) ensureApplication(ctx context.Context, name string, body map[string]any) (any, error) {
	id, err := a.findOne(ctx, filtered(armclient.GraphPath("applications"), where("displayName eq %s", name)), "application named "+name)
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return a.Do(ctx, http.MethodPost, armclient.GraphPath("applications"), body)
	}
	if _, err := a.Do(ctx, http.MethodPatch, armclient.GraphPath("applications", id), body); err != nil {
		return nil, err
	}
	return a.Do(ctx, http.MethodGet, armclient.GraphPath("applications", id), nil)
}

func (c *CLI) newADAppListCommand() *cobra.Command {
	var appID, uri, name, filter string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the applications",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Columns = "[].{DisplayName: displayName, Id: id, AppId: appId, CreatedDateTime: createdDateTime}"
			return c.printList(cmd, filtered(armclient.GraphPath("applications"), filter, where("appId eq %s", appID),
				where("startswith(displayName,%s)", name), where("identifierUris/any(s:s eq %s)", uri)))
		},
	}
	cmd.Flags().StringVar(&appID, "app-id", "", "client id")
	cmd.Flags().StringVar(&uri, "identifier-uri", "", "identifier URI")
	bindSearch(cmd, &name, &filter)
	bindAll(cmd)
	return cmd
}

func bindAll(cmd *cobra.Command) {
	cmd.Flags().Bool("all", false, "accepted for az's sake: all are listed anyway")
}

func (c *CLI) newADAppUpdateCommand() *cobra.Command {
	p := principalFlag{kind: applicationKind}
	var f appFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Change an application",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, id, err := p.open(c, cmd)
			if err != nil {
				return err
			}
			return c.askGraph(cmd, http.MethodPatch, armclient.GraphPath("applications", id), f.body(cmd))
		},
	}
	p.bind(cmd)
	f.bind(cmd)
	return cmd
}
