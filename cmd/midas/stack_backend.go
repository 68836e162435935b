package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
)

// stackBackend is what a stack needs of the MySQL behind it. The embedded engine,
// private servers and external ones all are one.
type stackBackend interface {
	Dial(ctx context.Context) (net.Conn, error)
	TLS() *tls.Config
	Verified() bool
	DB() *sql.DB
	Dialect() string
	Version() string
	Describe() string
	Wait() error
	Close() error
}

// openEmbedded starts the embedded engine; nil in a build without it.
var openEmbedded func(ctx context.Context, s *stack) (stackBackend, error)

func (s *stack) openBackend(ctx context.Context) (err error) {
	s.backend, err = s.chooseBackend(ctx)
	if err != nil {
		return err
	}
	s.onClose(func() { s.backend.Close() })
	return nil
}

func (s *stack) chooseBackend(ctx context.Context) (stackBackend, error) {
	switch choice := s.Backend; {
	case strings.HasPrefix(choice, "mysql://"), strings.HasPrefix(choice, "unix:"):
		b, err := backend.External(ctx, backend.ExternalConfig{
			URL: choice, Password: s.BackendPassword, Known: knownBackends(s.State), Log: s.Log,
		})
		if err != nil {
			return nil, err
		}
		return b, nil
	case !slices.Contains([]string{"", "auto", "embedded", "mysqld"}, choice):
		return nil, midas.Errorf(midas.Invalid, "unknown backend %q", redactURL(choice)).
			WithHint("one of: auto, embedded, mysqld, mysql://user@host:port, unix:/path/to/socket")
	case s.BackendPassword != "":
		return nil, midas.Errorf(midas.Invalid, "a password was given for a backend, and backend %q takes none", choice).
			WithHint("name a server with --backend mysql://user@host:port or unix:/path/to/socket, or unset --backend-password-file and " + passwordVariable)
	case choice == "embedded", choice != "mysqld" && backend.Installed() == "":
		return s.embedded(ctx)
	}
	return s.private(ctx)
}

func (s *stack) private(ctx context.Context) (stackBackend, error) {
	b, err := backend.Private(ctx, backend.PrivateConfig{
		Dir: filepath.Join(s.State, backendDir), Password: s.master.servicePassword(), Log: s.Log,
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *stack) embedded(ctx context.Context) (stackBackend, error) {
	if openEmbedded == nil {
		return nil, midas.Errorf(midas.Invalid, "this midas was built without the embedded engine").
			WithHint("build it with: make build, install mariadb-server, or name a server with --backend mysql://…")
	}
	return openEmbedded(ctx, s)
}

// redactURL keeps a mistyped URL with a password out of error messages.
func redactURL(text string) string {
	if _, rest, ok := strings.Cut(text, "@"); ok {
		return "…@" + rest
	}
	return text
}
