package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/vmns"
	"github.com/midas-mysql/midas/metadata"
)

// metadataSettings are what an operator decides about the metadata endpoint.
type metadataSettings struct {
	Limits metadata.Limits
	// Namespaces are NAME=PATH: network namespaces that are machines.
	Namespaces []string
	ArcTokens  string // folder of Azure Arc's key files
	ArcMachine string // the machine that this host is
	Names      []string
	// SecretLifetime is how long a machine's secret lasts at most; 0 for a day.
	SecretLifetime time.Duration
}

// secretLifetime is how long the secret of a machine lasts unless the operator decides
// otherwise: a day's work, and as long as a token of a managed identity.
const secretLifetime = 24 * time.Hour

// metadataFlags are the flags of metadataSettings.
type metadataFlags struct {
	metadataSettings
	throttle string
}

func (f *metadataFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.throttle, "metadata-throttle", "azure", "how often each VM may ask the metadata endpoint: azure (20 tokens a second, 5 at once, 5 of anything else), or off, for load tests")
	flags.StringArrayVar(&f.Namespaces, "vm-netns", nil, "NAME=PATH or GROUP/NAME=PATH: serve http://169.254.169.254 in the network namespace PATH, such as /run/netns/NAME, in which everything is that VM; repeat it for more (root only)")
	flags.StringVar(&f.ArcTokens, "arc-tokens", "", "folder for the key files of Azure Arc's protocol, which is off without it; SDKs read /var/opt/azcmagent/tokens only")
	flags.StringArrayVar(&f.Names, "metadata-name", nil, "name, such as host.docker.internal, by which VMs call the metadata endpoint; others are refused, except localhost and addresses; repeat it for more")
	flags.DurationVar(&f.SecretLifetime, "identity-header-lifetime", secretLifetime, "how long the secret of midas env (IDENTITY_HEADER) makes a program a VM, at most")
	flags.StringVar(&f.ArcMachine, "arc-vm", "", "NAME or GROUP/NAME of the VM that this machine is in Azure Arc's protocol, for whoever can read the key files")
}

func (f *metadataFlags) settings() (metadataSettings, error) {
	s := f.metadataSettings
	switch f.throttle {
	case "azure":
		s.Limits = metadata.AzureLimits
	case "off":
		s.Limits = metadata.Limits{}
	default:
		return s, usagef("--metadata-throttle %q is neither azure nor off", f.throttle)
	}
	for _, n := range s.Namespaces {
		if name, path, _ := strings.Cut(n, "="); name == "" || !filepath.IsAbs(path) {
			return s, usagef("--vm-netns %q is not NAME=PATH", n).WithHint("for one: --vm-netns myVM=/run/netns/myVM")
		}
	}
	for _, name := range s.Names {
		if u, err := url.Parse("http://" + name); err != nil || name == "" || u.Host != name || u.Hostname() != name {
			return s, usagef("--metadata-name %q is not the name of a host", name)
		}
	}
	switch {
	case s.SecretLifetime < time.Minute || s.SecretLifetime > 366*24*time.Hour:
		return s, usagef("--identity-header-lifetime %s is not between a minute and a year", s.SecretLifetime)
	case s.ArcMachine != "" && s.ArcTokens == "":
		return s, usagef("--arc-vm needs --arc-tokens")
	case s.ArcTokens != "" && !filepath.IsAbs(s.ArcTokens):
		return s, usagef("--arc-tokens %q is not an absolute path", s.ArcTokens)
	}
	return s, nil
}

// openMetadata makes the endpoint, and listens in the namespaces.
func (s *stack) openMetadata(ctx context.Context) error {
	if s.MetadataSettings.SecretLifetime == 0 {
		s.MetadataSettings.SecretLifetime = secretLifetime
	}
	cfg := metadata.Config{
		Workloads: s.directory, Minter: s.issuer, Keys: s.issuer.Keys(), Secret: s.master.workloadSecret(),
		SecretLifetime: s.MetadataSettings.SecretLifetime, Limits: &s.MetadataSettings.Limits, Log: s.Log,
	}
	cfg.Names = s.MetadataSettings.Names
	if host, _, err := net.SplitHostPort(s.Metadata); err == nil && host != "" {
		cfg.Names = append(slices.Clone(cfg.Names), host)
	}
	cfg.Arc.Dir = s.MetadataSettings.ArcTokens
	if name := s.MetadataSettings.ArcMachine; name != "" {
		id, err := s.machineID(ctx, "arc-vm", name)
		if err != nil {
			return err
		}
		cfg.Arc.Machine = id
	}
	var err error
	if s.metadata, err = metadata.New(cfg); err != nil {
		return err
	}
	s.onClose(s.metadata.Close)
	if err := s.warnOfOwnAddresses(ctx); err != nil {
		return err
	}
	s.metadataHandler = s.metadata
	return s.listenInNamespaces(ctx)
}

// warnOfOwnAddresses tells of marks that an earlier version took for this machine's own
// addresses, too. They do not count for those any more.
func (s *stack) warnOfOwnAddresses(ctx context.Context) error {
	all, err := s.directory.Recognitions(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.InsecureOwn || !directory.HoldsLoopback(r.Network) {
			continue
		}
		w, err := s.directory.WorkloadByVMID(ctx, r.VMID)
		if err != nil {
			return err
		}
		s.Log.WarnContext(ctx, "a recognition by loopback addresses does not count: each user of this machine would be the VM; "+
			"recognise it by --uid or --cgroup, or create it again with --insecure-own-addresses",
			"vm", w.ResourceID, "recognition", r.Name, "cidr", r.Network)
	}
	return nil
}

// ownListener is one in the network namespace of a machine.
type ownListener struct {
	net.Listener
	handler http.Handler
}

func (s *stack) listenInNamespaces(ctx context.Context) error {
	for _, n := range s.MetadataSettings.Namespaces {
		name, path, _ := strings.Cut(n, "=")
		id, err := s.machineID(ctx, "vm-netns", name)
		if err != nil {
			return err
		}
		ln, err := vmns.Listen(path, insideMetadata)
		if err != nil {
			return err
		}
		s.onClose(func() { ln.Close() })
		s.ownListeners = append(s.ownListeners, ownListener{ln, s.metadata.Own(id)})
	}
	return nil
}

// machineID returns the ARM id of a machine that a flag names. One with its group need
// not exist yet.
func (s *stack) machineID(ctx context.Context, flag, name string) (string, error) {
	if group, vm, ok := strings.Cut(name, "/"); ok {
		if !segment(group) || !segment(vm) || strings.Contains(vm, "/") {
			return "", usagef("--%s %q is not GROUP/NAME", flag, name)
		}
		_, subscription := s.directory.Tenant()
		return vmKind.id(ref{subscription, group, vm}), nil
	}
	all, err := s.directory.ListVMs(ctx, "")
	if err != nil {
		return "", err
	}
	var found []string
	for _, vm := range all {
		if strings.EqualFold(vm.Name, name) {
			found = append(found, vm.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", midas.Errorf(midas.NotFound, "--%s: there is no VM %q", flag, name).
			WithHint("create it first, or name it with its group, GROUP/NAME, and create it later")
	}
	return "", midas.Errorf(midas.Invalid, "--%s: %d resource groups have a VM %q", flag, len(found), name).
		WithHint("say which: GROUP/NAME")
}
