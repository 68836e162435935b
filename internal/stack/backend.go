package stack

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/gateway"
)

// Backend is what a stack needs of the MySQL behind a server: an embedded engine, a private
// server or an external one.
type Backend interface {
	gateway.Backend
	described
	DB() *sql.DB
	Wait() error
	Close() error
}

// described tells an operator, and the parts that differ between databases, which one it is.
type described interface {
	Dialect() string
	Version() string
	Describe() string
}

// DefaultMaxServers is more than a laptop serves well, and leaves its memory and disk to others.
const DefaultMaxServers = 50

// HasEmbedded reports whether this build has the embedded engine.
func HasEmbedded() bool { return openEmbedded != nil }

// openEmbedded starts the embedded engine; nil in a build without it.
var openEmbedded func(ctx context.Context, s *Stack) (Backend, error)

// openBindings decides which backend servers get. One that --backend names by its URL is looked at
// now, since it may be the wrong one; the others are opened when they are first needed.
func (s *Stack) openBindings(ctx context.Context) error {
	kind, first, err := s.config.backendKind()
	if err != nil {
		return err
	}
	s.bindings, err = NewBindings(BindingsConfig{
		Kind: kind, Max: cmp.Or(s.config.MaxServers, DefaultMaxServers), First: first, State: s.config.State, External: s.declaredBackends(), Groups: s.declaredGroups(), Servers: s.directory.ServersByAge,
		Password: s.master.servicePassword, Options: s.privateOptions,
		Embedded: func(ctx context.Context) (Backend, error) { return openEmbedded(ctx, s) }, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.onClose(func() { _ = s.bindings.Close() })
	if first != nil {
		_, err := s.bindings.External(ctx, "")
		if err != nil && !s.waitsFor(ctx, err) {
			return err
		}
		if err != nil {
			s.log.WarnContext(ctx, "the database is of no use for now; midas goes on, and tries it again at each sign-in", "error", err, midas.HintAttr(err))
		}
	}
	return s.warnUnbound(ctx)
}

// waitsFor tells whether midas starts without the database of --backend. It may start later than
// midas, whose tokens others wait for. While it is down any user of the machine can answer in its
// place, and it may refuse midas until it has been restored: once there are servers, neither
// keeps those of other servers out.
func (s *Stack) waitsFor(ctx context.Context, err error) bool {
	switch midas.CodeOf(err) {
	case midas.Unavailable:
		return true
	case midas.Forbidden, midas.Unauthenticated:
		servers, failed := s.directory.ServersByAge(ctx)
		return failed == nil && len(servers) > 0
	}
	return false
}

// CheckBackend tells why no server can have the backend that c names: Invalid, or NotFound where it is
// not installed. It touches nothing.
func (c Config) CheckBackend() error {
	_, _, err := c.backendKind()
	return err
}

// backendKind reads Backend.
func (c Config) backendKind() (kind string, first *ExternalBackend, err error) {
	switch choice := c.Backend; {
	case strings.HasPrefix(choice, "mysql://"), strings.HasPrefix(choice, "unix:"):
		return NoBackends, &ExternalBackend{URL: choice, Password: c.BackendPassword}, nil
	case !slices.Contains([]string{"", "auto", "embedded", "mysqld"}, choice):
		return "", nil, midas.Errorf(midas.Invalid, "unknown backend %q", redactURL(choice)).
			WithHint("one of: auto, embedded, mysqld, mysql://user@host:port, unix:/path/to/socket")
	case c.BackendPassword != "":
		return "", nil, midas.Errorf(midas.Invalid, "a password was given for a backend, and backend %q takes none", choice).
			WithHint("name a server with --backend mysql://user@host:port or unix:/path/to/socket, or unset --backend-password-file and MIDAS_BACKEND_PASSWORD")
	case choice == "mysqld" && backend.Installed() == "":
		return "", nil, midas.Errorf(midas.NotFound, "neither mysqld nor mariadbd is installed").
			WithHint("on Debian or Ubuntu: apt-get install mariadb-server-core; or use the embedded engine")
	case choice != "embedded" && backend.Installed() != "":
		return PrivateBackends, nil, nil
	case openEmbedded == nil:
		return "", nil, midas.Errorf(midas.Invalid, "this midas was built without the embedded engine").
			WithHint("build it with: make build, install mariadb-server, or name a server with --backend mysql://…")
	}
	return EmbeddedBackends, nil, nil
}

// declaredBackends are those of Config.Servers, by name.
func (s *Stack) declaredBackends() map[string]ExternalBackend {
	all := map[string]ExternalBackend{}
	for _, server := range s.config.Servers {
		if server.Backend != nil {
			all[strings.ToLower(server.Name)] = *server.Backend
		}
	}
	return all
}

// declaredGroups are the resource groups that Config.Servers says, by the server's name.
func (s *Stack) declaredGroups() map[string]string {
	all := map[string]string{}
	for _, server := range s.config.Servers {
		all[strings.ToLower(server.Name)] = server.Group
	}
	return all
}

// warnUnbound says which servers of a former midas, or of a seed, have no backend of their own.
// It refuses nothing: the others are served meanwhile.
func (s *Stack) warnUnbound(ctx context.Context) error {
	servers, err := s.directory.ServersByAge(ctx)
	for _, server := range servers {
		_, _, err := s.bindings.externalOf(ctx, server)
		if err != nil {
			s.log.WarnContext(ctx, err.Error(), midas.HintAttr(err))
		}
	}
	return err
}

// privateOptions are those of a private server that starts now.
func (s *Stack) privateOptions(ctx context.Context, server midas.Server) (backend.PrivateOptions, error) {
	version, err := s.directory.ServerVersion(ctx, server.UniqueID)
	if err != nil {
		return backend.PrivateOptions{}, err
	}
	set, err := s.directory.BackendParameters(ctx, server.UniqueID)
	return backend.PrivateOptions{Version: version, Parameters: set}, err
}

// Backend is the MySQL behind a server, by the server's name, started if need be.
func (s *Stack) Backend(ctx context.Context, name string) (Backend, error) {
	server, err := s.directory.Server(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.bindings.Backend(ctx, server)
}

// Backends says in a line which backend servers get. It fails when that is one which does not answer.
func (s *Stack) Backends(ctx context.Context) (string, error) {
	switch {
	case s.bindings.cfg.First != nil:
		one, err := s.bindings.External(ctx, "")
		if err != nil {
			return "", err
		}
		return one.Describe(), nil
	case s.bindings.cfg.Kind == EmbeddedBackends:
		return "an embedded engine for each server, whose data is in memory and gone when midas ends", nil
	}
	return fmt.Sprintf("a private server for each server, %s", backend.Installed()), nil
}

// Bound says of each server, by name, what its backend is, if that is open, and where it is
// reached, if that is not the common address. Such an address is taken before its server is
// made: then it says so.
func (s *Stack) Bound(ctx context.Context) [][2]string {
	servers, err := s.directory.Servers(ctx)
	if err != nil {
		return nil // it is said elsewhere
	}
	var all [][2]string
	made := map[string]bool{}
	for _, server := range servers {
		made[strings.ToLower(server.Name)] = true
		var said []string
		if own := s.ownAddresses(server.Name); len(own) > 0 {
			said = append(said, "at "+strings.Join(own, ", "))
		}
		if one := s.bindings.Opened(server); one != nil {
			said = append(said, one.Describe())
		}
		if len(said) > 0 {
			all = append(all, [2]string{server.Name, strings.Join(said, ", on ")})
		}
	}
	for _, declared := range s.config.Servers {
		if own := s.ownAddresses(declared.Name); len(own) > 0 && !made[strings.ToLower(declared.Name)] {
			all = append(all, [2]string{declared.Name, "at " + strings.Join(own, ", ") + " when it is made"})
		}
	}
	return all
}

// redactURL keeps a mistyped URL with a password out of error messages.
func redactURL(text string) string {
	if _, rest, ok := strings.Cut(text, "@"); ok {
		return "…@" + rest
	}
	return text
}
