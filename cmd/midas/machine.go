package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// machine is a VM that a program is to act as.
type machine struct {
	group, name string // as given; the group may be empty
	source      string // one of identitySources, "" for the default

	endpoint string        // URL that Azure SDKs take for App Service's
	secret   string        // what proves to the metadata endpoint who asks
	lifetime time.Duration // of the secret, 0 for as long as midas up allows
	until    time.Time     // its end
	// onlyClientID is of its one user-assigned identity, when it has no other and no
	// system-assigned one: App Service picks none by itself, a VM does.
	onlyClientID string
}

// find completes m from the directory.
func (m *machine) find(ctx context.Context, a *armClient) error {
	vm, err := m.look(ctx, a)
	if err != nil {
		return err
	}
	m.name, m.group = words(vm, "name"), ""
	if group, ok := groupOf(words(vm, "id")).(string); ok {
		m.group = group
	}
	if !strings.Contains(strings.ToLower(words(vm, "identity", "type")), "systemassigned") {
		assigned, _ := member(vm, "identity", "userAssignedIdentities").(map[string]any)
		for _, identity := range assigned {
			if len(assigned) == 1 {
				m.onlyClientID = words(identity, "clientId")
			}
		}
	}
	return m.prove(ctx, a)
}

// prove gets a secret of the machine that find has found.
func (m *machine) prove(ctx context.Context, a *armClient) error {
	r := ref{subscription: a.operator.SubscriptionID, group: m.group, name: m.name}
	var body any
	if m.lifetime > 0 {
		body = map[string]any{"lifetimeSeconds": int64(m.lifetime / time.Second)}
	}
	answer, err := a.do(ctx, http.MethodPost, vmKind.path(r, "listIdentityEndpoint"), body)
	if err != nil {
		return err
	}
	m.endpoint, m.secret = words(answer, "identityEndpoint"), words(answer, "identityHeader")
	if m.endpoint == "" || m.secret == "" {
		return midas.Errorf(midas.Internal, "the control endpoint gave no identity endpoint for VM %q", m.name)
	}
	if m.until, err = time.Parse(time.RFC3339, words(answer, "expiresOn")); err != nil {
		return midas.Errorf(midas.Internal, "the control endpoint does not say when the secret of VM %q ends", m.name).
			WithHint("is midas up of an earlier version? Stop it and start it again")
	}
	return nil
}

// look finds the VM in its group, or the one of that name in any.
func (m *machine) look(ctx context.Context, a *armClient) (any, error) {
	if !segment(m.name) {
		return nil, usage.Errorf("%q is not the name of a VM", m.name)
	}
	if m.group != "" {
		r := ref{subscription: a.operator.SubscriptionID, group: m.group, name: m.name}
		return a.do(ctx, http.MethodGet, vmKind.path(r), nil)
	}
	all, err := a.list(ctx, vmKind.collection(a.operator.SubscriptionID, ""))
	if err != nil {
		return nil, err
	}
	var found []any
	for _, vm := range all {
		if strings.EqualFold(words(vm, "name"), m.name) {
			found = append(found, vm)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, midas.Errorf(midas.NotFound, "there is no VM %q", m.name).
			WithHint("midas vm list shows those there are")
	}
	return nil, midas.Errorf(midas.Invalid, "%d resource groups have a VM %q", len(found), m.name).
		WithHint("say which with --resource-group")
}

// server is one MySQL server as the control endpoint lists it.
type server struct{ id, name, fqdn string }

func listServers(ctx context.Context, a *armClient) ([]server, error) {
	all, err := a.list(ctx, serverKind.collection(a.operator.SubscriptionID, ""))
	if err != nil {
		return nil, err
	}
	servers := make([]server, 0, len(all))
	for _, s := range all {
		servers = append(servers, server{words(s, "id"), words(s, "name"), words(s, "properties", "fullyQualifiedDomainName")})
	}
	return servers, nil
}

// called reports whether name is the server's, short or full, in any case.
func (s server) called(name string) bool {
	return strings.EqualFold(name, s.name) || strings.EqualFold(name, s.fqdn)
}
