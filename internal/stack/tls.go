package stack

import (
	"context"
	"crypto/tls"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/certfile"
	"github.com/midas-mysql/midas/internal/statedir"
)

// openCertificate reads the operator's own certificate, before anything is written.
func (s *Stack) openCertificate(context.Context) (err error) {
	if s.config.TLSCert == "" {
		return nil
	}
	s.certificate, err = certfile.Open(certfile.Config{Cert: s.config.TLSCert, Key: s.config.TLSKey, Log: s.log, Now: s.now})
	if err != nil {
		return midas.Errorf(midas.Invalid, "--tls-cert and --tls-key: %w", err)
	}
	return nil
}

// tlsConfig shows clients the operator's certificate where it has the name that they use, and else a
// certificate of our authority with names.
func (s *Stack) tlsConfig(names func(serverName string) []string) *tls.Config {
	own := s.ca.TLSConfig(names)
	if s.certificate == nil {
		return own
	}
	return s.certificate.Over(own)
}

// authorities are what clients trust besides what their system does.
func (s *Stack) authorities() [][]byte {
	if s.certificate == nil {
		return [][]byte{s.ca.PEM()}
	}
	return [][]byte{s.ca.PEM(), s.certificate.Chain()} // its authority may be a company's
}

// trusted is the file of authorities by which commands verify the control address: with a certificate
// of the operator's, those of the system as well.
func (s *Stack) trusted() string {
	if s.certificate == nil {
		return s.ca.CertPath()
	}
	return statedir.BundlePath(s.config.State)
}

// Reload reads again what files hold: the operator's own certificate. An error leaves it as it is.
func (s *Stack) Reload() error {
	if s.certificate == nil {
		return nil
	}
	return s.certificate.Reload()
}
