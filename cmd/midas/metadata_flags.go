package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/metadata"
	"github.com/spf13/pflag"
)

// metadataFlags are the flags of metadataSettings.
type metadataFlags struct {
	stack.MetadataSettings
	throttle string
}

func (f *metadataFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.throttle, "metadata-throttle", "azure", "how often each VM may ask the metadata endpoint: azure (20 tokens a second, 5 at once, 5 of anything else), or off, for load tests")
	flags.StringArrayVar(&f.Namespaces, "vm-netns", nil, "NAME=PATH or GROUP/NAME=PATH: serve http://169.254.169.254 in the network namespace PATH, such as /run/netns/NAME, in which everything is that VM; repeat it for more (root only)")
	flags.StringVar(&f.ArcTokens, "arc-tokens", "", "folder for the key files of Azure Arc's protocol, which is off without it; SDKs read /var/opt/azcmagent/tokens only")
	flags.StringArrayVar(&f.Names, "metadata-name", nil, "name, such as host.docker.internal, by which VMs call the metadata endpoint; others are refused, except localhost and addresses; repeat it for more")
	flags.DurationVar(&f.SecretLifetime, "identity-header-lifetime", stack.DefaultSecretLifetime, "how long the secret of midas env (IDENTITY_HEADER) makes a program a VM, at most")
	flags.StringVar(&f.ArcMachine, "arc-vm", "", "NAME or GROUP/NAME of the VM that this machine is in Azure Arc's protocol, for programs that can read the key files")
}

func (f *metadataFlags) settings() (stack.MetadataSettings, error) {
	s := f.MetadataSettings
	switch f.throttle {
	case "azure":
		s.Limits = metadata.AzureLimits
	case "off":
		s.Limits = metadata.Limits{}
	default:
		return s, usage.Errorf("--metadata-throttle %q is neither azure nor off", f.throttle)
	}
	for _, n := range s.Namespaces {
		if name, path, _ := strings.Cut(n, "="); name == "" || !filepath.IsAbs(path) {
			return s, usage.Errorf("--vm-netns %q is not NAME=PATH", n).WithHint("for one: --vm-netns myVM=/run/netns/myVM")
		}
	}
	for _, name := range s.Names {
		if u, err := url.Parse("http://" + name); err != nil || name == "" || u.Host != name || u.Hostname() != name {
			return s, usage.Errorf("--metadata-name %q is not the name of a host", name)
		}
	}
	switch {
	case s.SecretLifetime < time.Minute || s.SecretLifetime > 366*24*time.Hour:
		return s, usage.Errorf("--identity-header-lifetime %s is not between a minute and a year", s.SecretLifetime)
	case s.ArcMachine != "" && s.ArcTokens == "":
		return s, usage.Errorf("--arc-vm needs --arc-tokens")
	case s.ArcTokens != "" && !filepath.IsAbs(s.ArcTokens):
		return s, usage.Errorf("--arc-tokens %q is not an absolute path", s.ArcTokens)
	}
	return s, nil
}
