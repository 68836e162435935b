package main

import (
	"context"
	"net"
	"path/filepath"
	"slices"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/issuer"
)

// openIssuer opens the token issuer over the directory. Its keys are encrypted under a
// key of the master key when there is no other: the files of the issuer alone open
// nothing.
func (s *stack) openIssuer(context.Context) error {
	own, err := issuer.NewSecretProtector("master", s.master.derive("issuer-keys"))
	if err != nil {
		return err
	}
	tenant, _ := s.directory.Tenant()
	s.issuer, err = issuer.New(issuer.Config{
		Dir: filepath.Join(s.State, "issuer"), TenantID: tenant, BaseURL: s.controlURL, Origins: s.loginOrigins,
		Applications: s.directory, People: s.directory, Principals: s.directory, Members: s.directory, Grants: s.directory, Resources: s.directory,
		ReservedAudiences: s.reservedAudiences,
		KeyLifetime:       s.Issuer.KeyLifetime, KeyProtectors: append(slices.Clone(s.Issuer.KeyProtectors), own), InsecureAdoptPlainKeys: s.Issuer.AdoptPlain,
		Federation: s.Issuer.Federation, Log: s.Log,
	})
	return err
}

// reservedAudiences are the names of our own services: tokens for them are for nobody else.
func (s *stack) reservedAudiences() []string {
	all := append(arm.Audiences(), graph.Audiences(s.controlURL())...)
	return append(all, midas.Resource, midas.Resource+"/", midas.ResourceAppID)
}

// loginOrigins are the other addresses of the issuer: Azure's names for it, and this
// machine's.
func (s *stack) loginOrigins() []string {
	var all []string
	for _, name := range publicnames.Login() {
		all = append(all, "https://"+name)
	}
	if _, port, err := net.SplitHostPort(s.controlLn.Addr().String()); err == nil {
		all = append(all, "https://localhost:"+port, "https://127.0.0.1:"+port)
	}
	return all
}
