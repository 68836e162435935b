package backend

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/midas-mysql/midas"
)

const urlForm = "write mysql://user@host:3306 or unix:/path/to/mysqld.sock; in mysql://user:password@host reserved characters are %XX"

// parseURL never quotes the URL itself: it may hold a password.
func parseURL(cfg ExternalConfig) (target, error) {
	t := target{user: cfg.User, password: cfg.Password}
	if t.user == "" {
		t.user = "root"
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return target{}, midas.Errorf(midas.Invalid, "backend URL is malformed").WithHint("%s", urlForm)
	}
	if name := u.User.Username(); name != "" {
		t.user = name
	}
	if password, ok := u.User.Password(); ok {
		if t.password != "" {
			return target{}, midas.Errorf(midas.Invalid, "the backend's password is given twice: in its URL and apart from it").
				WithHint("leave it out of the URL: user@host in place of user:password@host")
		}
		t.password = password
	}
	switch u.Scheme {
	case "unix":
		t.network, t.address = "unix", u.Path
		if u.Opaque != "" {
			t.address = u.Opaque
		}
		if t.address == "" || u.Host != "" {
			return target{}, midas.Errorf(midas.Invalid, "backend URL names no socket path").WithHint("%s", urlForm)
		}
	case "mysql":
		if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return target{}, midas.Errorf(midas.Invalid, "backend URL must name a host and no database").WithHint("%s", urlForm)
		}
		port := u.Port()
		if port == "" {
			port = "3306"
		}
		t.network, t.address = "tcp", net.JoinHostPort(u.Hostname(), port)
	default:
		return target{}, midas.Errorf(midas.Invalid, "backend URL has scheme %q", u.Scheme).WithHint("%s", urlForm)
	}
	return t, t.parseTLS(u)
}

func (t *target) parseTLS(u *url.URL) (err error) {
	q := u.Query()
	for key := range q {
		if key != "tls" && key != "ca" {
			return midas.Errorf(midas.Invalid, "backend URL has unknown parameter %q", key).WithHint("known: tls, ca")
		}
	}
	mode, here := q.Get("tls"), t.network == "unix" || loopback(u.Hostname())
	switch {
	case t.network == "unix" && (mode != "" || q.Get("ca") != "") && mode != "disabled":
		return midas.Errorf(midas.Invalid, "backend URL asks for TLS on a unix socket").WithHint("leave out tls and ca")
	case mode == "disabled", mode == "" && q.Get("ca") == "" && here:
		t.plain, t.local = mode == "disabled", here
		return nil
	}
	t.tls, err = verifyingTLS(mode, u.Hostname(), q.Get("ca"))
	return err
}

// verifyingTLS is for servers that are known by their certificate's authority.
func verifyingTLS(mode, host, ca string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, ClientSessionCache: sessionCache()}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, midas.Errorf(midas.Invalid, "read the backend's authority: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, midas.Errorf(midas.Invalid, "%s holds no PEM certificate", ca)
		}
	}
	switch mode {
	case "", "verify":
	case "required":
		cfg.InsecureSkipVerify = true // replaced by verifyChain, not left out
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, cfg.RootCAs) }
	case "insecure-skip-verify":
		cfg.InsecureSkipVerify = true
	default:
		return nil, midas.Errorf(midas.Invalid, "backend URL has tls=%q", mode).
			WithHint("known: verify, required, insecure-skip-verify, disabled")
	}
	return cfg, nil
}

// verifyChain verifies the certificate and leaves out the host name: the certificate
// that a MySQL server makes for itself names no host.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(opts)
	return err
}

func isTLSError(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
