package stack

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
	"github.com/midas-mysql/midas/internal/statedir"
)

// Backend is what a stack needs of the MySQL behind it: the embedded engine, a private
// server or an external one.
type Backend interface {
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

// HasEmbedded reports whether this build has the embedded engine.
func HasEmbedded() bool { return openEmbedded != nil }

// openEmbedded starts the embedded engine; nil in a build without it.
var openEmbedded func(ctx context.Context, s *Stack) (Backend, error)

func (s *Stack) openBackend(ctx context.Context) (err error) {
	s.backend, err = s.chooseBackend(ctx)
	if err != nil {
		return err
	}
	s.onClose(func() { s.backend.Close() })
	return nil
}

func (s *Stack) chooseBackend(ctx context.Context) (Backend, error) {
	switch choice := s.config.Backend; {
	case strings.HasPrefix(choice, "mysql://"), strings.HasPrefix(choice, "unix:"):
		b, err := backend.External(ctx, backend.ExternalConfig{
			URL: choice, Password: s.config.BackendPassword, Known: statedir.KnownBackends(s.config.State), Log: s.log,
		})
		if err != nil {
			return nil, err
		}
		return b, nil
	case !slices.Contains([]string{"", "auto", "embedded", "mysqld"}, choice):
		return nil, midas.Errorf(midas.Invalid, "unknown backend %q", redactURL(choice)).
			WithHint("one of: auto, embedded, mysqld, mysql://user@host:port, unix:/path/to/socket")
	case s.config.BackendPassword != "":
		return nil, midas.Errorf(midas.Invalid, "a password was given for a backend, and backend %q takes none", choice).
			WithHint("name a server with --backend mysql://user@host:port or unix:/path/to/socket, or unset --backend-password-file and MIDAS_BACKEND_PASSWORD")
	case choice == "embedded", choice != "mysqld" && backend.Installed() == "":
		return s.embedded(ctx)
	}
	return s.private(ctx)
}

func (s *Stack) private(ctx context.Context) (Backend, error) {
	b, err := backend.Private(ctx, backend.PrivateConfig{
		Dir: filepath.Join(s.config.State, statedir.BackendDir), Password: s.master.servicePassword(), Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *Stack) embedded(ctx context.Context) (Backend, error) {
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
