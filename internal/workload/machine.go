package workload

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

// Machine is a VM that a program is to act as.
type Machine struct {
	Group, Name string // as given; the group may be empty
	source      string // one of identitySources, "" for the default

	endpoint string        // URL that Azure SDKs take for App Service's
	secret   string        // what proves to the metadata endpoint that the caller is this VM
	lifetime time.Duration // of the secret, 0 for as long as midas up allows
	until    time.Time     // its end
	// onlyClientID is of its one user-assigned identity, when it has no other and no
	// system-assigned one: App Service picks none by itself, a VM does.
	onlyClientID string
}

// find completes m from the directory.
func (m *Machine) find(ctx context.Context, a *armclient.Client) error {
	vm, err := m.Look(ctx, a)
	if err != nil {
		return err
	}
	m.Name, m.Group = armclient.Text(vm, "name"), armclient.GroupOf(armclient.Text(vm, "id"))
	if !strings.Contains(strings.ToLower(armclient.Text(vm, "identity", "type")), "systemassigned") {
		assigned, _ := armclient.Member(vm, "identity", "userAssignedIdentities").(map[string]any)
		for _, identity := range assigned {
			if len(assigned) == 1 {
				m.onlyClientID = armclient.Text(identity, "clientId")
			}
		}
	}
	return m.prove(ctx, a)
}

// prove gets a secret of the machine that find has found.
func (m *Machine) prove(ctx context.Context, a *armclient.Client) error {
	r := armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: m.Group, Name: m.Name}
	var body any
	if m.lifetime > 0 {
		body = map[string]any{"lifetimeSeconds": int64(m.lifetime / time.Second)}
	}
	answer, err := a.Do(ctx, http.MethodPost, armclient.VMs.Path(r, "listIdentityEndpoint"), body)
	if err != nil {
		return err
	}
	m.endpoint, m.secret = armclient.Text(answer, "identityEndpoint"), armclient.Text(answer, "identityHeader")
	if m.endpoint == "" || m.secret == "" {
		return midas.Errorf(midas.Internal, "the control endpoint gave no identity endpoint for VM %q", m.Name)
	}
	if m.until, err = time.Parse(time.RFC3339, armclient.Text(answer, "expiresOn")); err != nil {
		return midas.Errorf(midas.Internal, "the control endpoint does not say when the secret of VM %q ends", m.Name).
			WithHint("is midas up of an earlier version? Stop it and start it again")
	}
	return nil
}

// Look finds the VM in its group, or the one of that name in any.
func (m *Machine) Look(ctx context.Context, a *armclient.Client) (any, error) {
	if !armclient.Segment(m.Name) {
		return nil, usage.Errorf("%q is not the name of a VM", m.Name)
	}
	if m.Group != "" {
		r := armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: m.Group, Name: m.Name}
		return a.Do(ctx, http.MethodGet, armclient.VMs.Path(r), nil)
	}
	all, err := a.List(ctx, armclient.VMs.Collection(a.Operator.SubscriptionID, ""))
	if err != nil {
		return nil, err
	}
	var found []any
	for _, vm := range all {
		if strings.EqualFold(armclient.Text(vm, "name"), m.Name) {
			found = append(found, vm)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, midas.Errorf(midas.NotFound, "there is no VM %q", m.Name).
			WithHint("midas vm list shows those there are")
	}
	return nil, midas.Errorf(midas.Invalid, "%d resource groups have a VM %q", len(found), m.Name).
		WithHint("say which with --resource-group")
}

// Server is one MySQL server as the control endpoint lists it.
type Server struct{ ID, Name, fqdn string }

// ListServers returns the MySQL servers that the control endpoint has.
func ListServers(ctx context.Context, a *armclient.Client) ([]Server, error) {
	all, err := a.List(ctx, armclient.Servers.Collection(a.Operator.SubscriptionID, ""))
	if err != nil {
		return nil, err
	}
	servers := make([]Server, 0, len(all))
	for _, s := range all {
		servers = append(servers, Server{armclient.Text(s, "id"), armclient.Text(s, "name"), armclient.Text(s, "properties", "fullyQualifiedDomainName")})
	}
	return servers, nil
}

// Called reports whether name is the server's, short or full, in any case.
func (s Server) Called(name string) bool {
	return strings.EqualFold(name, s.Name) || strings.EqualFold(name, s.fqdn)
}
