package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/issuer"
)

// keyVariable holds the key that signing keys are encrypted under. There is no flag of
// that name, as for passwordVariable.
const keyVariable = envPrefix + "KEY_ENCRYPTION_KEY"

// issuerFlags are stack.IssuerSettings as people write them.
type issuerFlags struct {
	lifetime     time.Duration
	keyFile      string
	keyCommand   string
	allow        []string
	authority    string
	insecureHTTP bool
	adoptPlain   bool
}

func (f *issuerFlags) add(flags *pflag.FlagSet) {
	flags.DurationVar(&f.lifetime, "key-lifetime", issuer.DefaultKeyLifetime, "how long a token signing key is used before the next one takes over")
	flags.StringVar(&f.keyFile, "key-encryption-key-file", "", "file that holds the key which signing keys are encrypted under, 32 bytes as base64 or hexadecimal, and that you alone may read; or set $"+keyVariable+" (default: derived from the master key)")
	flags.StringVar(&f.keyCommand, "key-encryption-command", "", "program that encrypts the keys of signing keys in place of such a key: it is run with wrap or unwrap and a key id, and base64 on standard input and output")
	flags.StringArrayVar(&f.allow, "federation-allow", nil, "address or network outside the public internet, such as 10.1.0.0/16, from which the keys of outside token issuers may be fetched")
	flags.StringVar(&f.authority, "federation-ca", "", "certificate authorities of outside token issuers, PEM, in place of the system's")
	flags.BoolVar(&f.adoptPlain, "insecure-adopt-plain-keys", false, "take over signing keys that are not encrypted, once: a user who could write to the state directory can then sign in as everyone")
	flags.BoolVar(&f.insecureHTTP, "insecure-federation-http", false, "fetch the keys of outside token issuers over http, too: an attacker on the network path can then sign in as every identity that trusts them")
}

func (f *issuerFlags) settings() (stack.IssuerSettings, error) {
	s := stack.IssuerSettings{KeyLifetime: f.lifetime, AdoptPlain: f.adoptPlain}
	if f.lifetime < 3*24*time.Hour {
		return s, usage.Errorf("--key-lifetime %s is shorter than 72h: a key is published for two days before it signs", f.lifetime)
	}
	if err := f.protectors(&s); err != nil {
		return s, err
	}
	s.Federation.InsecureHTTP = f.insecureHTTP
	for _, text := range f.allow {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			ip, ipErr := netip.ParseAddr(text)
			if ipErr != nil {
				return s, usage.Errorf("--federation-allow %q is neither an address nor a network", text)
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		s.Federation.Allow = append(s.Federation.Allow, network.Masked())
	}
	if f.authority != "" {
		raw, err := os.ReadFile(f.authority)
		if err != nil {
			return s, midas.Errorf(midas.Invalid, "read --federation-ca: %w", err)
		}
		s.Federation.RootCAs = x509.NewCertPool()
		if !s.Federation.RootCAs.AppendCertsFromPEM(raw) {
			return s, midas.Errorf(midas.Invalid, "--federation-ca %s holds no certificate in PEM", f.authority)
		}
	}
	return s, nil
}

func (f *issuerFlags) protectors(s *stack.IssuerSettings) error {
	text := os.Getenv(keyVariable)
	if text != "" && f.keyFile != "" {
		return usage.Errorf("the key encryption key is given twice: in %s and in --key-encryption-key-file %s", keyVariable, f.keyFile).WithHint("unset one of them")
	}
	if f.keyCommand != "" {
		command, err := issuer.NewCommandProtector(strings.Fields(f.keyCommand))
		if err != nil {
			return err
		}
		s.KeyProtectors = append(s.KeyProtectors, command)
	}
	if f.keyFile != "" {
		raw, err := keyfile.Read(f.keyFile)
		if err != nil {
			return midas.Errorf(midas.Invalid, "read the key encryption key: %w", err)
		}
		text = string(raw)
	}
	if text == "" {
		return nil
	}
	protector, err := issuer.NewSecretProtector("key", decodeKey(strings.TrimSpace(text)))
	if err != nil {
		return err
	}
	s.KeyProtectors = append(s.KeyProtectors, protector)
	return nil
}

// decodeKey reads 32 bytes in hexadecimal or base64, and returns nil for what is neither.
func decodeKey(text string) []byte {
	if key, err := hex.DecodeString(text); err == nil {
		return key
	}
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "="))
	if err != nil {
		return nil
	}
	return key
}
