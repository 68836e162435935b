package main

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	"github.com/midas-mysql/midas/internal/refusals"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/seed"
	"github.com/midas-mysql/midas/token"
)

// stackConfig says where a stack keeps its state and listens.
type stackConfig struct {
	State string // directory, made with mode 0700
	// SharedState takes a State that other users could write to.
	SharedState bool
	Control     string // address of ARM and issuer, https
	// ControlURL is how others reach Control, when that is not by its address.
	ControlURL string
	Metadata   string // address of the metadata endpoint, http
	MySQL      string // address of the gateway
	Ops        string // address of metrics and health, http; "" for none
	Proxy      string // address of the proxy for Azure's public names, http; "" for none
	Backend    string // auto, embedded, mysqld, mysql://…, unix:PATH
	// BackendPassword is for a server that somebody else runs, when Backend holds none.
	BackendPassword string
	Issuer          issuerSettings
	// MetadataSettings decide about the metadata endpoint.
	MetadataSettings metadataSettings
	Gateway          gatewaySettings
	// AdminLogin is the MySQL user name of the administrator of servers that are made
	// without one.
	AdminLogin string
	Seed       *seed.World // what there shall be, nil for nothing in particular
	SeedFile   string      // where Seed was read
	Log        *slog.Logger
}

// stack is everything that `midas up` runs, in one process. open makes one that is
// ready and listening, run serves until its context ends, close gives all back.
type stack struct {
	stackConfig
	master    masterKey
	ca        *ca.CA
	directory *directory.Directory
	issuer    *issuer.Issuer
	backend   stackBackend
	gateway   *gateway.Gateway
	operator  Operator
	metrics   *metrics
	refusals  *refusals.Log // of sign-ins

	defaultAdmin midas.Administrator
	seeded       []string // what Seed made or changed

	controlHandler  http.Handler
	metadataHandler http.Handler
	metadata        *metadata.Endpoint
	ownListeners    []ownListener
	controlLn       net.Listener
	metadataLn      net.Listener
	mysqlLn         net.Listener
	opsLn           net.Listener
	proxyLn         net.Listener

	copies  *account.Copies
	turns   chan struct{} // of the account stores, which share the backend
	names   *certificateNames
	stores  sync.Map // unique id of a server → *account.Store
	opening singleflight.Group

	draining atomic.Bool
	closers  []func()
}

// openStack makes the parts in the order in which they need each other. On failure
// it takes down again what it had put up.
func openStack(ctx context.Context, cfg stackConfig) (_ *stack, err error) {
	s := &stack{stackConfig: cfg, metrics: newMetrics(), turns: make(chan struct{}, 1)}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.refusals = refusals.New(s.Log, time.Now)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, step := range []func(context.Context) error{
		s.openState, s.listen, s.openIssuer, s.openOperator,
		// Before anything whose flags name a machine: the seed may declare it.
		s.applySeed,
		s.openMetadata, s.openControl, s.openBackend, s.openCopies, s.finishDepartures, s.openGateway, s.announce,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// close undoes open, last first. It is safe after a failed open.
func (s *stack) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

func (s *stack) onClose(f func()) { s.closers = append(s.closers, f) }

func (s *stack) openState(ctx context.Context) error {
	if err := os.MkdirAll(s.State, 0o700); err != nil {
		return midas.Errorf(midas.Internal, "make the state directory: %w", err).WithHint("name another with --state")
	}
	if err := mendState(s.State, s.SharedState, s.Log); err != nil {
		return err
	}
	unlock, err := lockState(s.State)
	if err != nil {
		return err
	}
	s.onClose(unlock)
	if s.master, err = openMasterKey(s.State); err != nil {
		return err
	}
	if s.ca, err = ca.Open(ca.Config{Dir: filepath.Join(s.State, "ca")}); err != nil {
		return err
	}
	if err := writeBundle(s.State, bundlePath(s.State), s.ca.PEM()); err != nil {
		return err
	}
	s.directory, err = directory.Open(ctx, directory.Config{
		Path: filepath.Join(s.State, "directory.db"), Log: s.Log,
		Alone:             true, // lockState sees to it
		ReservedAudiences: s.reservedAudiences,
	})
	if err != nil {
		return err
	}
	s.onClose(func() { s.directory.Close() })
	return s.checkDirectory(ctx)
}

// checkDirectory tells of what should not be in the directory. It refuses nothing: what
// is well may go on, and who runs this decides about the rest.
func (s *stack) checkDirectory(ctx context.Context) error {
	found, err := s.directory.Check(ctx)
	for _, line := range found {
		s.Log.ErrorContext(ctx, "the directory holds what it should not; restore it from a backup", "found", line)
	}
	return err
}

// listen takes all the ports at once, so that a port that is taken is an error at
// the start and not a stack that half works.
func (s *stack) listen(context.Context) error {
	for _, l := range []struct {
		what, address string
		into          *net.Listener
	}{
		{"control", s.Control, &s.controlLn},
		{"metadata", s.Metadata, &s.metadataLn},
		{"mysql", s.MySQL, &s.mysqlLn},
		{"ops", s.Ops, &s.opsLn},
		{"proxy", s.Proxy, &s.proxyLn},
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
	return nil
}

func (s *stack) metadataURL() string { return "http://" + s.metadataLn.Addr().String() }

func (s *stack) verifier(audiences ...string) (*token.Verifier, error) {
	tenant, _ := s.directory.Tenant()
	return token.NewVerifier(token.VerifierConfig{
		Issuers:   []token.Issuer{{URLs: s.issuer.IssuerURLs(), TenantID: tenant, Keys: s.issuer.Keys()}},
		Audiences: audiences,
	})
}

// openOperator makes the local operator on the first start: whoever can read its file
// may do everything here.
func (s *stack) openOperator(ctx context.Context) error {
	var err error
	if s.operator, err = s.ensureOperator(ctx); err != nil {
		return err
	}
	admin, err := s.directory.ObjectByID(ctx, s.operator.ClientID)
	if err != nil {
		return err
	}
	s.defaultAdmin = midas.Administrator{Login: s.AdminLogin, ObjectID: admin.ObjectID, TenantID: s.operator.TenantID}
	return nil
}

// openControl makes the APIs that the operator and others speak to.
func (s *stack) openControl(context.Context) error {
	verifier, err := s.verifier(arm.Audiences()...)
	if err != nil {
		return err
	}
	api, err := arm.New(arm.Config{
		Directory: s.directory, Verifier: verifier, BaseURL: s.controlURL, SigningKeys: s.issuer, MetadataURL: s.metadataURL, Faults: s.metadata,
		WorkloadSecret: s.master.workloadSecret(), SecretLifetime: s.MetadataSettings.SecretLifetime, ServersDeleted: s.dropDeparted, Log: s.Log,
		Databases:    databases{func() *sql.DB { return s.backend.DB() }},
		Accounts:     restoring{s},
		DefaultAdmin: &s.defaultAdmin,
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
