package connector

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/tokensource"
)

// discardAfter is the least time between two refusals that the token source learns of:
// an account that does not exist refuses every token, and each connection to it would
// cost the issuer a signature and the server a second sign-in.
const discardAfter = time.Minute

// Tokens hands out tokens; *tokensource.Source is one.
type Tokens interface {
	Token(ctx context.Context) (midas.Token, error)
	// Discard tells that the server refused the token raw.
	Discard(raw string)
}

var _ Tokens = (*tokensource.Source)(nil)

// Option changes how New makes a connector.
type Option func(*connector) error

// WithCredential takes the tokens from a credential of the Azure SDK, any of them.
func WithCredential(credential azcore.TokenCredential) Option {
	return func(c *connector) (err error) {
		c.tokens, err = tokensource.New(tokensource.Config{Credential: credential})
		return err
	}
}

// ManagedIdentity takes the tokens of the machine's managed identity, whatever host is connected
// to. clientID names a user-assigned identity; "" is the one that the machine's endpoint chooses.
func ManagedIdentity(clientID string) Option {
	return func(c *connector) error {
		credential, err := tokensource.ManagedIdentity(tokensource.ManagedIdentityConfig{ClientID: clientID})
		if err != nil {
			return err
		}
		return WithCredential(credential)(c)
	}
}

// WithTokens takes the tokens from t, which several connectors may share.
func WithTokens(t Tokens) Option {
	return func(c *connector) error {
		if v := reflect.ValueOf(t); t == nil || v.Kind() == reflect.Pointer && v.IsNil() {
			return midas.Errorf(midas.Invalid, "connector: WithTokens has no tokens").
				WithHint("look at the error of the function that made them, or leave the option out for the workload's own identity")
		}
		c.tokens = t
		return nil
	}
}

// InsecureTransport allows connections without TLS or with a certificate that nobody
// verifies. An attacker on the network path then gets the token and is the identity for as
// long as the token lasts: the caller must know that there is no such path, as on a unix socket.
func InsecureTransport() Option {
	return func(c *connector) error {
		c.insecure = true
		return nil
	}
}

type connector struct {
	cfg      *mysql.Config // ours alone, without a password
	tokens   Tokens
	insecure bool
	now      func() time.Time

	mu        sync.Mutex
	discarded time.Time // when tokens last learned of a refusal
}

var _ driver.Connector = (*connector)(nil)

// New returns a connector for sql.OpenDB that connects as cfg says, with an access
// token for a password. cfg is copied; it must have no password. A TLS setting that
// is absent means a verified certificate for the host of cfg.Addr; "false",
// "preferred", "skip-verify" and the like are refused as Invalid (InsecureTransport).
//
// Without an option that says where tokens come from, the workload's own identity is used, as
// tokensource.FromEnvironment finds it. Where the environment names none, and the host of
// cfg.Addr is one of Azure Database for MySQL, it is the managed identity of this virtual
// machine; for no other host is a metadata endpoint asked that nobody named.
//
// Errors have the next step in their text.
func New(cfg *mysql.Config, opts ...Option) (driver.Connector, error) {
	c, err := newConnector(cfg, opts)
	if err != nil {
		return nil, midas.Explained(err)
	}
	return c, nil
}

func newConnector(cfg *mysql.Config, opts []Option) (*connector, error) {
	if cfg == nil {
		return nil, midas.Errorf(midas.Invalid, "connector: no configuration").
			WithHint("make one with mysql.NewConfig and set Net, Addr and User")
	}
	c := &connector{cfg: cfg.Clone(), now: time.Now}
	for i, opt := range opts {
		if opt == nil {
			return nil, midas.Errorf(midas.Invalid, "connector: option %d is nil", i+1)
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	if c.cfg.Passwd != "" {
		return nil, midas.Errorf(midas.Invalid, "connector: the configuration has a password").
			WithHint("leave it out: the token takes its place")
	}
	if err := c.secure(); err != nil {
		return nil, err
	}
	if c.tokens == nil {
		if err := c.ownIdentity(); err != nil {
			return nil, err
		}
	}
	// The server reads the token itself, so it must arrive as it is. That is safe
	// only because the connection is encrypted to a server that has proved its name.
	c.cfg.AllowCleartextPasswords = true
	// Whatever else is wrong with cfg is said now, not at the first connection.
	if _, err := mysql.NewConnector(c.cfg); err != nil {
		return nil, midas.Errorf(midas.Invalid, "connector: %w", err)
	}
	return c, nil
}

// ownIdentity takes the tokens from what this process is.
func (c *connector) ownIdentity() error {
	credential, err := tokensource.FromEnvironment("")
	if midas.CodeOf(err) == midas.NotFound && AzureHost(c.cfg.Addr) {
		return ManagedIdentity(os.Getenv("AZURE_CLIENT_ID"))(c)
	}
	if midas.CodeOf(err) == midas.NotFound {
		return midas.Errorf(midas.Invalid, "connector: no credential, and %w", err).
			WithHint("run the program with midas vm run or under midas env, or pass connector.ManagedIdentity or connector.WithCredential")
	}
	if err != nil {
		return err
	}
	return WithCredential(credential)(c)
}

// Connect opens one connection with a token that is valid now. When the server says
// no, it tries once more with another token: the first one may have been revoked, or
// signed with a key that the server has put away. A new token is asked for once a minute
// at most; in between only a token that has changed meanwhile is tried.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, midas.Explained(err)
	}
	conn, err := c.connect(ctx, token)
	var refusal *mysql.MySQLError
	if err == nil || !errors.As(err, &refusal) || refusal.Number != mysqlerr.AccessDenied {
		return conn, err
	}
	if c.mayDiscard() {
		c.tokens.Discard(token.Raw)
	}
	another, tokenErr := c.tokens.Token(ctx)
	if tokenErr != nil || another.Raw == token.Raw {
		return nil, err // the server's own words say more
	}
	return c.connect(ctx, another)
}

func (c *connector) mayDiscard() bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.discarded.IsZero() && now.Sub(c.discarded) < discardAfter {
		return false
	}
	c.discarded = now
	return true
}

// connect works on a copy of the configuration, so that a BeforeConnect hook of the
// caller's stays in force and no token outlives the attempt.
func (c *connector) connect(ctx context.Context, token midas.Token) (driver.Conn, error) {
	cfg := c.cfg.Clone()
	cfg.Passwd = token.Raw
	once, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "connector: %w", err)
	}
	conn, err := once.Connect(ctx)
	if err != nil {
		return nil, midas.Errorf(classOf(err), "connect to %s as %s: %w", cfg.Addr, cfg.User, err)
	}
	return conn, nil
}

// Driver returns the driver beneath.
func (c *connector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

func classOf(err error) midas.Code {
	var refusal *mysql.MySQLError
	switch {
	case !errors.As(err, &refusal):
		return midas.Unavailable
	case refusal.Number == mysqlerr.AccessDenied:
		return midas.Unauthenticated
	}
	return midas.Forbidden
}
