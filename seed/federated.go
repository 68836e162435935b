package seed

import (
	"context"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
)

// exchange is the audience that Azure asks of outside tokens.
const exchange = "api://AzureADTokenExchange"

func (m *maker) makeFederatedCredentials(ctx context.Context) error {
	for i, id := range m.Identities {
		if len(id.FederatedCredentials) == 0 {
			continue
		}
		before, err := m.Directory.IdentityFederation(ctx, id.Group, id.Name)
		if err != nil {
			return m.at(err, "identities", i, "name")
		}
		for n, c := range id.FederatedCredentials {
			if c.Audience == "" {
				c.Audience = exchange
			}
			if slices.ContainsFunc(before, c.is) {
				continue
			}
			_, _, err := m.Directory.PutIdentityFederation(ctx, nil, id.Group, id.Name, directory.FederatedCredential{FederatedCredential: midas.FederatedCredential{
				Name: c.Name, Issuer: c.Issuer, Subject: c.Subject, Audiences: []string{c.Audience},
			}})
			if err != nil {
				return m.at(err, "identities", i, "federated-credentials", n)
			}
			m.changed("federated credential "+c.Name+" of identity", id.Name)
		}
	}
	return nil
}

// is reports whether there is nothing to change about a credential.
func (c FederatedCredential) is(there directory.FederatedCredential) bool {
	return there.Name == c.Name && there.Issuer == c.Issuer && there.Subject == c.Subject && slices.Equal(there.Audiences, []string{c.Audience})
}
