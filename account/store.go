package account

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/midas-mysql/midas"
)

// Directory answers what an id or name of CREATE AADUSER is. Errors are NotFound, and
// Conflict when a name is ambiguous.
type Directory interface {
	// ObjectByID takes an object id or a client id.
	ObjectByID(ctx context.Context, id string) (midas.DirectoryObject, error)
	// ObjectByName takes a user principal name or a display name.
	ObjectByName(ctx context.Context, name string) (midas.DirectoryObject, error)
	// Gone returns those of the object ids and client ids, in lower case, whose principal was
	// in this directory and was deleted, or is disabled.
	Gone(ctx context.Context, ids []string) ([]string, error)
}

// The kinds of backend that Store knows. They differ in how an account is marked.
const (
	DialectMySQL    = "mysql"    // MySQL 8.0.21 or later, and what behaves like it
	DialectMariaDB  = "mariadb"  // MariaDB 10.4 or later
	DialectEmbedded = "embedded" // go-mysql-server
)

// StoreConfig says where accounts are kept and of which server they are.
type StoreConfig struct {
	// DB is a pool of a backend user that may do everything. Its connections must speak
	// utf8mb4, as those of go-sql-driver/mysql do, and have autocommit on.
	DB      *sql.DB
	Dialect string
	// ServerID is an id of the server that no other one has or will have: with an id
	// that is made from names, a server that is made again would have the accounts of the
	// one before. The backend is this server's alone.
	ServerID string
	// AdoptUnsealed believes, this once, the rows of this server that carry no seal: for
	// a server that an earlier midas made. A user who may write to the backend could add such
	// rows, so the caller remembers that it was done and does not set it again.
	AdoptUnsealed bool
	// Key is the server's. The secret of each of the server's accounts follows from it.
	Key ServerKey
	// Former says what there may be from before Key.
	Former Former
	// Issuer and Tenant are noted in accounts that are made: see Account. Issuer is OwnIssuer
	// when empty.
	Issuer, Tenant string
	// Directory is asked by CREATE AADUSER. Without one, only statements with
	// IDENTIFIED BY work, and only with validation OFF.
	Directory Directory
	// Administrator returns the administrator that the server has now, nil for none. Sweep
	// asks it before it drops the account of a former one; nil: it drops none.
	Administrator func(ctx context.Context) (*midas.Administrator, error)
	// Copies keeps the rows of the table outside the backend, too, and brings them back
	// when they are lost there; nil for a table without a copy.
	Copies *Copies
	// Alone tells that no other gateway changes accounts of this backend, such as that of a
	// private server.
	Alone bool
	// CacheTTL is how long Lookup may answer from memory: 3 s when zero. It bounds how
	// long a dropped account can still be matched at this gateway.
	CacheTTL time.Duration
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discard
}

// Store keeps the accounts of one server in schema midas of its backend. It is safe for
// concurrent use, by several gateways too.
type Store struct {
	db        *sql.DB
	dialect   dialect
	server    string
	keys      atomic.Pointer[keyring]
	before    Former
	alone     bool
	issuer    string
	tenant    string
	directory Directory
	now       func() time.Time
	log       *slog.Logger
	cache     *cache
	flights   singleflight.Group
	natives   singleflight.Group
	admin     ensured
	turn      chan struct{} // full while a caller has or awaits the lock of accounts
	service   []string      // names of the user that db is signed in as
	self      backendUser   // the account that it has

	nativeTurns chan struct{} // full while nativesAtOnce names of strangers are looked up

	folder      *Copies // of copies, also those of other servers; nil for none
	copies      copies
	unconfirmed atomic.Int64 // how many rows were said to be
	tookOthers  atomic.Bool  // see TookOthers

	administers func(ctx context.Context) (*midas.Administrator, error)
	reasserted  *recent // by mapping, as the next ones
	marked      *recent
	locks       *recent
	mended      *recent
	expelled    *recent
	toExpel     *recent // whose sessions are still to end
	refused     *recent // by mapping and verdict
	endedFor    *recent // by user, who had the lock of accounts
	verified    verified
	restored    verified      // accounts that hold the secret of an outdated row
	sweeping    chan struct{} // full while one sweep runs
	last        atomic.Pointer[inventory]

	uninstalled bool // guarded by turn
}

// New makes the schema if it is missing and returns the store. Errors are Invalid for a
// wrong configuration and Unavailable when the backend does not answer.
func New(ctx context.Context, cfg StoreConfig) (*Store, error) {
	if !cfg.Key.usable() || cfg.Key.version == 0 {
		return nil, midas.Errorf(midas.Invalid, "account store needs the key of its server")
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg StoreConfig) (*Store, error) {
	d := dialects[cfg.Dialect]
	switch {
	case cfg.DB == nil || cfg.ServerID == "":
		return nil, midas.Errorf(midas.Invalid, "account store needs a database and a server id")
	case d == nil:
		return nil, midas.Errorf(midas.Invalid, "unknown dialect %q of the backend", cfg.Dialect)
	case len(cfg.ServerID) > maxServerID:
		return nil, midas.Errorf(midas.Invalid, "the server id has %d bytes, at most %d fit", len(cfg.ServerID), maxServerID)
	case strings.TrimSpace(cfg.ServerID) != cfg.ServerID:
		// SQL ignores trailing spaces: two servers would see each other's accounts.
		return nil, midas.Errorf(midas.Invalid, "the server id begins or ends with a space")
	}
	s := &Store{
		db: cfg.DB, dialect: d, server: strings.ToLower(cfg.ServerID), before: cfg.Former, alone: cfg.Alone, issuer: cfg.Issuer, tenant: cfg.Tenant,
		directory: cfg.Directory, now: cfg.Now, log: cfg.Log,
		turn: make(chan struct{}, 1), nativeTurns: make(chan struct{}, nativesAtOnce), copies: noCopies{},
		administers: cfg.Administrator, reasserted: newRecent(), marked: newRecent(), locks: newRecent(),
		mended: newRecent(), expelled: newRecent(), toExpel: newRecent(), refused: newRecent(), endedFor: newRecent(), sweeping: make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if cfg.CacheTTL == 0 {
		cfg.CacheTTL = 3 * time.Second
	}
	if s.issuer == "" {
		s.issuer = OwnIssuer
	}
	s.keys.Store(&keyring{cfg.Key, slices.Clone(cfg.Former.Keys)})
	s.cache = newCache(cfg.CacheTTL, s.now)
	if err := s.start(ctx, cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// start reconciles the rows of the backend with the copy, and takes over those of former keys.
func (s *Store) start(ctx context.Context, cfg StoreConfig) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if cfg.Copies != nil {
		kept, err := cfg.Copies.of(s.server, *s.keys.Load())
		if err != nil {
			s.log.ErrorContext(ctx, "no account of a server opens: "+err.Error(), "server", s.server, midas.HintAttr(err))
			return closedCopy(err)
		}
		s.copies, s.folder = kept, cfg.Copies
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if cfg.AdoptUnsealed {
		if err := s.adopt(ctx); err != nil {
			return err
		}
	}
	if cfg.Former.TakesOver {
		if err := s.expelOthers(ctx); err != nil {
			return err
		}
	}
	// A gateway that may change nothing, such as one of a read-only replica, opens all the same.
	if err := s.Sweep(ctx); err != nil {
		s.log.WarnContext(ctx, "accounts cannot be checked for now", "server", s.server, "error", err, midas.HintAttr(err))
	}
	return nil
}

// ready asks the backend whether it can be worked with, and who midas is there.
func (s *Store) ready(ctx context.Context) (err error) {
	if err := s.dialect.ready(ctx, s.db); err != nil {
		return err
	}
	if err := commits(ctx, s.db); err != nil {
		return err
	}
	s.service, s.self, err = serviceNames(ctx, s.db)
	return err
}

// Secret is the password of the backend account.
func (s *Store) Secret(a Account) string { return s.key().secretOf(a) }

func (s *Store) key() ServerKey { return s.keys.Load().now }

// Forget drops what Lookup remembers about user, for a gateway that has just relayed
// DROP USER or RENAME USER.
func (s *Store) Forget(user string) {
	s.forgetName(user)
	s.admin.forget()
}

func (s *Store) forgetName(user string) {
	s.cache.forget(user)
	for _, verb := range []string{verbLookUp, verbMend} { // an answer on its way tells of the time before
		s.flights.Forget(verb + " " + user)
	}
	s.natives.Forget(user)
}

// unavailable wraps an error of the backend.
func unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	return midas.Errorf(midas.Unavailable, "%s: %w", doing, err)
}

// unavailableBut is unavailable for a statement that holds a secret. A server repeats a
// statement that it cannot read from where it stumbled, cut at some length, so the text
// may end within the secret: it is cut where the secret begins.
func unavailableBut(secret, doing string, err error) error {
	if err == nil {
		return nil
	}
	const telling = 6 // characters that appear in no error by chance
	before, _, found := strings.Cut(err.Error(), secret[:min(telling, len(secret))])
	if !found {
		return unavailable(doing, err)
	}
	return midas.Errorf(midas.Unavailable, "%s: %s…", doing, before)
}
