// Package stack is everything that `midas up` serves, in one process: Open makes the parts in
// the order in which they need each other, Run serves until it is told to end, Close gives all
// back. One file holds one part.
//
// It owns the wiring, the listeners, the master key and what is derived from it, and the
// operator. It decides nothing about identities, tokens or accounts, and never reads a flag,
// a variable or a configuration file, or prints.
package stack

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/certfile"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/throttledlog"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/token"
)

// Stack is everything that `midas up` runs. Open makes one that is ready and listening, Run
// serves until its context ends, Close gives all back.
type Stack struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	master masterKey
	ca     *ca.CA
	// certificate is the operator's own; nil for none.
	certificate *certfile.Pair
	directory   *directory.Directory
	issuer      *issuer.Issuer
	bindings    *Bindings
	gateway     *gateway.Gateway
	operator    statedir.Operator
	metrics     *metrics
	refusals    *throttledlog.Log // of sign-ins

	defaultAdmin midas.Administrator
	seeded       []string // what Seed made or changed

	controlHandler  http.Handler
	metadataHandler http.Handler
	metadata        *metadata.Endpoint
	faults          *injection.Orders // of metadata
	ownListeners    []ownListener
	controlLn       net.Listener
	metadataLn      net.Listener
	mysqlLn         net.Listener
	ownMySQL        map[string][]net.Listener // of servers with addresses of their own, by name in lower case
	opsLn           net.Listener
	proxyLn         net.Listener

	copies *account.Copies
	memory *account.Copies // of servers whose backend forgets its accounts with the process
	names  *certificateNames
	stores sync.Map // unique id of a server → *account.Store
	// untouched holds the unique ids of servers whose creation failed before they had a backend: true as
	// long as the backend can have nothing of theirs. A creation can be repeated without end while the
	// database is down, and must leave nothing to remember.
	untouched         sync.Map
	opening, dropping singleflight.Group // by unique id

	rotating   sync.Map   // one change of a server key at a time, by unique id
	notingKeys sync.Mutex // held while the version of a server key is noted
	takingOver sync.Mutex // held while what was taken over of a former midas is noted

	draining atomic.Bool
	closers  []func()
}

// Open makes the parts in the order in which they need each other. On failure it closes
// again those that it had opened.
func Open(ctx context.Context, cfg Config) (_ *Stack, err error) {
	s := &Stack{config: cfg, log: cfg.Log, now: cfg.Now, metrics: newMetrics()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.refusals = throttledlog.New(s.log, s.now)
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	for _, step := range []func(context.Context) error{
		s.openCertificate, s.openState, s.listen, s.openIssuer, s.openOperator,
		// Before anything whose flags name a machine: the seed may declare it.
		s.applySeed,
		s.openMetadata, s.openControl, s.openBindings, s.openCopies, s.finishDepartures, s.openGateway, s.announce,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close undoes Open, last part first.
func (s *Stack) Close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

func (s *Stack) onClose(f func()) { s.closers = append(s.closers, f) }

func (s *Stack) openState(ctx context.Context) error {
	if err := os.MkdirAll(s.config.State, 0o700); err != nil {
		return midas.Errorf(midas.Internal, "make the state directory: %w", err).WithHint("name another with --state")
	}
	if err := statedir.Mend(s.config.State, s.config.SharedState, s.log); err != nil {
		return err
	}
	unlock, err := statedir.Lock(s.config.State)
	if err != nil {
		return err
	}
	s.onClose(unlock)
	if s.master, err = openMasterKey(s.config.State); err != nil {
		return err
	}
	if s.ca, err = ca.Open(ca.Config{Dir: filepath.Join(s.config.State, "ca")}); err != nil {
		return err
	}
	if err := statedir.WriteBundle(s.config.State, statedir.BundlePath(s.config.State), s.authorities()...); err != nil {
		return err
	}
	s.directory, err = directory.Open(ctx, directory.Config{
		Path: filepath.Join(s.config.State, "directory.db"), Log: s.log, Now: s.now,
		Alone:             true, // statedir.Lock sees to it
		ReservedAudiences: s.reservedAudiences,
	})
	if err != nil {
		return err
	}
	s.onClose(func() { s.directory.Close() })
	return s.checkDirectory(ctx)
}

// checkDirectory logs what the directory should not hold. It refuses nothing: the operator
// decides whether to restore a backup, and the sound part serves meanwhile.
func (s *Stack) checkDirectory(ctx context.Context) error {
	found, err := s.directory.Check(ctx)
	for _, line := range found {
		s.log.ErrorContext(ctx, "the directory holds what it should not; restore it from a backup", "found", line)
	}
	return err
}

// listen takes all the ports at once, so that a port that is taken is an error at
// the start and not a stack that half works.
func (s *Stack) listen(context.Context) error {
	for _, l := range []struct {
		what, address string
		into          *net.Listener
	}{
		{"control", s.config.Control, &s.controlLn},
		{"metadata", s.config.Metadata, &s.metadataLn},
		{"mysql", s.config.MySQL, &s.mysqlLn},
		{"ops", s.config.Ops, &s.opsLn},
		{"proxy", s.config.Proxy, &s.proxyLn},
	} {
		if l.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.address)
		if err != nil {
			return midas.Errorf(midas.Unavailable, "cannot listen for %s on %s: %w", l.what, l.address, err).
				WithHint("free the port, or choose another with --%s", l.what)
		}
		*l.into = ln
		s.onClose(func() { ln.Close() })
	}
	return s.listenApart()
}

// listenApart takes the addresses that servers have to themselves.
func (s *Stack) listenApart() error {
	s.ownMySQL = map[string][]net.Listener{}
	for _, server := range s.config.Servers {
		for _, address := range server.Listen {
			ln, err := net.Listen("tcp", address)
			if err != nil {
				return midas.Errorf(midas.Unavailable, "cannot listen for server %s on %s: %w", server.Name, address, err).
					WithHint("free the port, or choose another in the configuration file: servers: [{name: %s, listen: [...]}]", server.Name)
			}
			s.onClose(func() { ln.Close() })
			name := strings.ToLower(server.Name)
			s.ownMySQL[name] = append(s.ownMySQL[name], ln)
		}
	}
	return nil
}

// MetadataURL is where the metadata endpoint is.
func (s *Stack) MetadataURL() string { return "http://" + s.metadataLn.Addr().String() }

func (s *Stack) verifier(audiences ...string) (*token.Verifier, error) {
	tenant, _ := s.directory.Tenant()
	return token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: s.issuer.IssuerURLs(), TenantID: tenant, Keys: s.issuer.Keys()}},
		Audiences: audiences, Now: s.now,
	})
}

// openOperator makes the local operator on the first start: a process that can read its
// file may do everything here.
func (s *Stack) openOperator(ctx context.Context) error {
	var err error
	if s.operator, err = s.ensureOperator(ctx); err != nil {
		return err
	}
	admin, err := s.directory.ObjectByID(ctx, s.operator.ClientID)
	if err != nil {
		return err
	}
	s.defaultAdmin = midas.Administrator{Login: s.config.AdminLogin, ObjectID: admin.ObjectID, TenantID: s.operator.TenantID}
	return nil
}

// openControl makes the APIs that the operator and others speak to.
func (s *Stack) openControl(context.Context) error {
	verifier, err := s.verifier(arm.Audiences()...)
	if err != nil {
		return err
	}
	api, err := arm.New(arm.Config{
		Directory: s.directory, Verifier: verifier, BaseURL: s.ControlURL, SigningKeys: s.issuer, MetadataURL: s.MetadataURL, Faults: s.faults,
		WorkloadSecret: s.master.workloadSecret(), SecretLifetime: s.config.MetadataSettings.SecretLifetime, ServersDeleted: s.dropDeparted, Log: s.log,
		Backends:     powers{s},
		Settings:     settings{s},
		Databases:    databases{s},
		Accounts:     restoring{s},
		DefaultAdmin: &s.defaultAdmin, Now: s.now,
	})
	if err != nil {
		return err
	}
	people, err := s.openGraph()
	if err != nil {
		return err
	}
	s.controlHandler = s.byHost(api, people)
	return nil
}
