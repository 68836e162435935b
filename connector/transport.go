package connector

import (
	"crypto/tls"
	"net/url"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// secure makes sure that a token can only go to the server that is meant.
func (c *connector) secure() error {
	if c.insecure {
		return nil
	}
	if c.cfg.TLS == nil && c.cfg.TLSConfig == "" {
		c.cfg.TLSConfig = "true"
	}
	if c.cfg.AllowFallbackToPlaintext {
		return refuse("allows a fallback to a connection without TLS")
	}
	if c.cfg.TLS != nil { // it wins over the name
		return verified(c.cfg.TLS)
	}
	switch c.cfg.TLSConfig {
	case "true":
		return nil
	case "false":
		return refuse("has TLS switched off")
	case "preferred", "skip-verify":
		return refuse("has tls=" + c.cfg.TLSConfig + ", which an attacker in between can get round")
	}
	// A name that the program registered: only the driver's parser tells what it is.
	named, err := mysql.ParseDSN("tcp(localhost)/?tls=" + url.QueryEscape(c.cfg.TLSConfig))
	if err != nil {
		return midas.Errorf(midas.Invalid, "connector: %w", err)
	}
	return verified(named.TLS)
}

// verified accepts a configuration that checks the server's certificate, by the
// standard library or by the program's own function.
func verified(cfg *tls.Config) error {
	if cfg.InsecureSkipVerify && cfg.VerifyConnection == nil && cfg.VerifyPeerCertificate == nil {
		return refuse("does not verify the server's certificate")
	}
	return nil
}

func refuse(why string) error {
	return midas.Errorf(midas.Invalid, "connector: the configuration %s", why).
		WithHint("leave TLS unset to have the certificate verified, or trust your own authority with mysql.RegisterTLSConfig")
}
