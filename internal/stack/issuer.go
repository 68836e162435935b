package stack

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/issuer"
)

// IssuerSettings say how the token issuer keeps its keys, and from where it fetches the
// keys of outside issuers.
type IssuerSettings struct {
	KeyLifetime time.Duration
	// KeyProtectors come before the one that is derived from the master key.
	KeyProtectors []issuer.KeyProtector
	AdoptPlain    bool
	Federation    issuer.FederationConfig
}

// openIssuer opens the token issuer over the directory. Its keys are encrypted under a
// key of the master key when there is no other: the files of the issuer alone open
// nothing.
func (s *Stack) openIssuer(context.Context) error {
	own, err := issuer.NewSecretProtector("master", s.master.derive("issuer-keys"))
	if err != nil {
		return err
	}
	tenant, _ := s.directory.Tenant()
	s.issuer, err = issuer.New(issuer.Config{
		Dir: filepath.Join(s.config.State, "issuer"), TenantID: tenant, BaseURL: s.ControlURL, Origins: s.loginOrigins,
		Applications: s.directory, People: s.directory, Principals: s.directory, Members: s.directory, Grants: s.directory, Resources: s.directory,
		ReservedAudiences: s.reservedAudiences,
		KeyLifetime:       s.config.Issuer.KeyLifetime, KeyProtectors: append(slices.Clone(s.config.Issuer.KeyProtectors), own), InsecureAdoptPlainKeys: s.config.Issuer.AdoptPlain,
		Federation: s.config.Issuer.Federation, Log: s.log, Now: s.now,
	})
	return err
}

// reservedAudiences are the names of our own services: tokens for them are for nobody else.
func (s *Stack) reservedAudiences() []string {
	all := append(arm.Audiences(), graph.Audiences(s.ControlURL())...)
	return append(all, midas.Resource, midas.Resource+"/", midas.ResourceAppID)
}

// loginOrigins are the other addresses of the issuer: Azure's names for it, and this
// machine's.
func (s *Stack) loginOrigins() []string {
	var all []string
	for _, name := range publicnames.Login() {
		all = append(all, "https://"+name)
	}
	if _, port, err := net.SplitHostPort(s.controlLn.Addr().String()); err == nil {
		all = append(all, "https://localhost:"+port, "https://127.0.0.1:"+port)
	}
	return all
}
