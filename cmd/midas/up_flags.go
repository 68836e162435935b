package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas/internal/stack"
)

// upFlags are those of `midas up`.
type upFlags struct {
	cfg      stack.Config // as far as flags set it as it is
	behind   backendFlags
	tokens   issuerFlags
	endpoint metadataFlags
	door     gatewayFlags
	logged   logFlags
	remote   remoteFlags
}

func (f *upFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.cfg.Control, "control", "127.0.0.1:7443", "address of the API and the token issuer")
	flags.StringVar(&f.cfg.ControlURL, "control-url", "", "https URL by which others reach the control address, when that is not by its address; tokens name it as their issuer")
	flags.StringVar(&f.cfg.Metadata, "metadata", "127.0.0.1:7169", "address of the metadata endpoint")
	flags.StringVar(&f.cfg.MySQL, "mysql", "127.0.0.1:7306", "address of the gateway")
	flags.StringSliceVar(&f.cfg.MySQLNames, "mysql-name", nil, "name by which clients reach the gateway, for its certificate; may be repeated (localhost, the address that a client connects to and the names of servers are in it already)")
	flags.StringVar(&f.cfg.Ops, "ops", "127.0.0.1:7090", "address of metrics and health; empty for none")
	flags.StringVar(&f.cfg.Proxy, "proxy", "", "address of the proxy for Azure's public names; empty for none")
	flags.StringVar(&f.cfg.TLSCert, "tls-cert", "", "PEM file with a certificate and its chain, for clients that reach the API, the token issuer or the gateway by one of its names; others see a certificate of midas's own authority. It is read again when it changes")
	flags.StringVar(&f.cfg.TLSKey, "tls-key", "", "PEM file with the key of --tls-cert, which only you may read")
	f.behind.add(flags, "auto")
	f.behind.addMax(flags)
	f.tokens.add(flags)
	flags.StringVar(&f.cfg.SeedFile, "seed", "", "YAML file with the users, groups, identities, VMs, servers and role assignments to create")
	f.endpoint.add(flags)
	f.door.add(flags)
	f.logged.add(flags)
	f.remote.add(flags)
}

// config is what the flags say, with what files that they name hold. Nothing is written yet.
func (f *upFlags) config(c *cli, cmd *cobra.Command) (cfg stack.Config, err error) {
	cfg = f.cfg
	cfg.State, cfg.SharedState = c.StateDir, c.sharedState
	cfg.AdminLogin, cfg.Backend = stack.OperatorLogin, f.behind.choice
	for _, part := range []func() error{
		func() error { return checkAddresses(cfg, f.remote) },
		func() error { return checkCertificate(cfg) },
		func() error { cfg.Servers, err = declaredServers(cmd); return err },
		func() error { cfg.OpsToken, err = f.remote.opsToken(); return err },
		func() error { cfg.ControlURL, err = checkControlURL(cfg.ControlURL, cfg.Control); return err },
		func() error { cfg.BackendPassword, err = f.behind.password(); return err },
		func() error { return checkBackend(cfg) },
		func() error { cfg.MaxServers, err = f.behind.most(); return err },
		func() error { cfg.Issuer, err = f.tokens.settings(); return err },
		func() error { cfg.MetadataSettings, err = f.endpoint.settings(); return err },
		func() error { cfg.Gateway, err = f.door.settings(); return err },
		func() error { cfg.Seed, err = readSeed(cfg.SeedFile); return err },
		func() error { cfg.Log, err = c.newLog(&f.logged); return err },
	} {
		if err := part(); err != nil {
			return stack.Config{}, err
		}
	}
	return cfg, nil
}
