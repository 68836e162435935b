package stack

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/vmns"
	"github.com/midas-mysql/midas/metadata"
)

// MetadataSettings are what an operator decides about the metadata endpoint.
type MetadataSettings struct {
	Limits metadata.Limits
	// Namespaces are NAME=PATH: network namespaces that are machines.
	Namespaces []string
	ArcTokens  string // folder of Azure Arc's key files
	ArcMachine string // the machine that this host is
	Names      []string
	// SecretLifetime is how long a machine's secret lasts at most; 0 for a day.
	SecretLifetime time.Duration
}

// DefaultSecretLifetime is how long the secret of a machine lasts unless the operator decides
// otherwise: a day's work, and as long as a token of a managed identity.
const DefaultSecretLifetime = 24 * time.Hour

// openMetadata makes the endpoint, and listens in the namespaces.
func (s *Stack) openMetadata(ctx context.Context) error {
	if s.config.MetadataSettings.SecretLifetime == 0 {
		s.config.MetadataSettings.SecretLifetime = DefaultSecretLifetime
	}
	s.faults = injection.New(s.now)
	cfg := metadata.Config{
		Workloads: s.directory, Minter: s.issuer, Keys: s.issuer.Keys(), Secret: s.master.workloadSecret(),
		SecretLifetime: s.config.MetadataSettings.SecretLifetime, Limits: &s.config.MetadataSettings.Limits, Faults: s.faults, Log: s.log, Now: s.now,
	}
	cfg.Names = s.config.MetadataSettings.Names
	if host, _, err := net.SplitHostPort(s.config.Metadata); err == nil && host != "" {
		cfg.Names = append(slices.Clone(cfg.Names), host)
	}
	cfg.Arc.Dir = s.config.MetadataSettings.ArcTokens
	if name := s.config.MetadataSettings.ArcMachine; name != "" {
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

// warnOfOwnAddresses logs each match of loopback addresses that an earlier version accepted.
// It counts no longer.
func (s *Stack) warnOfOwnAddresses(ctx context.Context) error {
	all, err := s.directory.WorkloadMatches(ctx)
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
		s.log.WarnContext(ctx, "a workload match by loopback addresses does not count: each user of this machine would be the VM; "+
			"recognise it by --uid or --cgroup, or create it again with --insecure-own-addresses",
			"vm", w.ResourceID, "match", r.Name, "cidr", r.Network)
	}
	return nil
}

// ownListener is one in the network namespace of a machine.
type ownListener struct {
	net.Listener
	handler http.Handler
}

func (s *Stack) listenInNamespaces(ctx context.Context) error {
	for _, n := range s.config.MetadataSettings.Namespaces {
		name, path, _ := strings.Cut(n, "=")
		id, err := s.machineID(ctx, "vm-netns", name)
		if err != nil {
			return err
		}
		ln, err := vmns.Listen(path, publicnames.Metadata+":80")
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
func (s *Stack) machineID(ctx context.Context, flag, name string) (string, error) {
	if group, vm, ok := strings.Cut(name, "/"); ok {
		if !segment(group) || !segment(vm) || strings.Contains(vm, "/") {
			return "", usage.Errorf("--%s %q is not GROUP/NAME", flag, name)
		}
		_, subscription := s.directory.Tenant()
		return "/subscriptions/" + subscription + "/resourceGroups/" + group + "/providers/Microsoft.Compute/virtualMachines/" + vm, nil
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

// segment reports whether a name can be one segment of an ARM id.
func segment(s string) bool { return s != "" && s != "." && s != ".." }
