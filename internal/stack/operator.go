package stack

import (
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// OperatorLogin is the MySQL user name of the local operator, the administrator of
// servers that were created without one.
const OperatorLogin = "operator"

// ensureOperator returns the operator of this state, making it at the first start.
//
// The application comes first and the file last: a crash between them leaves an
// application whose secret nobody knows, which is harmless, and never a file that
// names something that does not exist.
func (s *Stack) ensureOperator(ctx context.Context) (statedir.Operator, error) {
	o, err := statedir.ReadOperator(s.config.State)
	if err == nil {
		if who, err := s.directory.CheckSecret(ctx, o.ClientID, o.ClientSecret); err == nil {
			return o, s.ensureOwner(ctx, who.PrincipalID)
		}
		// The directory was replaced under the file: what it names is gone.
		s.log.Warn("the operator's credential is not of this directory, making a new one", "client id", o.ClientID)
	} else if midas.CodeOf(err) != midas.NotFound {
		return o, err
	}
	tenant, subscription := s.directory.Tenant()
	app, secret, err := s.directory.CreateApplication(ctx, OperatorLogin)
	if err != nil {
		return o, err
	}
	if err := s.directory.AssignOwner(ctx, app.ObjectID); err != nil {
		return o, err
	}
	o = statedir.Operator{ClientID: app.ClientID, ClientSecret: secret, TenantID: tenant, SubscriptionID: subscription}
	return o, statedir.WriteOperator(s.config.State, o)
}

// ensureOwner makes the operator an owner again if its role was taken away: a process that can
// read the operator's file can read the directory's, too, so that less would protect nothing.
func (s *Stack) ensureOwner(ctx context.Context, principalID string) error {
	if owner, err := s.directory.IsOwner(ctx, principalID); owner || err != nil {
		return err
	}
	return s.directory.AssignOwner(ctx, principalID)
}
