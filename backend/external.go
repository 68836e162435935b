package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// ExternalConfig names a server that somebody else runs.
type ExternalConfig struct {
	// URL is mysql://user:password@host:port[?tls=MODE&ca=FILE], unix:PATH or
	// unix://user:password@/PATH. The port is 3306 unless given.
	//
	// MODE is verify (certificate and host name), required (certificate only, as for
	// the certificate that MySQL makes for itself), insecure-skip-verify or disabled.
	// Without one it is verify, but for servers on this machine: those are known by the
	// user whose process serves them, else by the certificate of the first contact, and
	// TLS is used over TCP where they offer it. FILE holds the authorities to trust, in
	// PEM; otherwise the system's are trusted.
	URL string
	// Known is the file in which midas remembers who serves addresses on this machine.
	// Without one, only servers of root and of midas's own user are known.
	Known string
	// User stands in where the URL has none; without either it is root. Password is for
	// URLs that have none: two passwords are Invalid.
	User, Password string
	Log            *slog.Logger // nil: silent
}

// External connects to a running server and checks that the account may do what midas
// needs. It takes at most 5 s. Errors: Invalid for a malformed URL, Unavailable when
// no MySQL server answers there, Unauthenticated for a refused account, Forbidden for
// missing privileges; none of them holds the password.
func External(ctx context.Context, cfg ExternalConfig) (*Backend, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t, err := parseURL(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	m, err := t.meet(ctx)
	if err != nil {
		return nil, err
	}
	if t.local {
		err = t.recognise(m, cfg.Known, cfg.Log)
	}
	_ = m.conn.Close()
	if err != nil {
		return nil, err
	}
	db, err := t.pool()
	if err != nil {
		return nil, err
	}
	b := &Backend{target: t, db: db, ended: make(chan struct{})}
	f, err := ask(ctx, db)
	if err == nil {
		err = f.oldEnough(t.address)
	}
	if err == nil {
		err = enough(ctx, b)
	}
	if err != nil {
		_ = db.Close()
		return nil, t.explain(err)
	}
	if f.dialect == MariaDB {
		b.adviseMariaDB(ctx, cfg.Log)
	}
	b.adviseThreads(ctx, cfg.Log)
	f.describe = fmt.Sprintf("%s %s at %s, as %s%s", product(f.dialect), f.version, t.address, t.user, t.tlsWords())
	b.facts.Store(&f)
	return b, nil
}

// maxWriteLocks is how many writers of a table may go before its readers: private servers have
// 1, and readers wait for no longer than that with some more.
const maxWriteLocks = 100

// adviseMariaDB tells of a setting by which everybody who may sign in could keep the others
// out: passwords are in a table, anyone may set their own in a loop, and by default any number
// of writers go before the readers.
func (b *Backend) adviseMariaDB(ctx context.Context, log *slog.Logger) {
	var writers uint64
	if err := b.db.QueryRowContext(ctx, "SELECT @@GLOBAL.max_write_lock_count").Scan(&writers); err != nil || writers <= maxWriteLocks {
		return
	}
	log.WarnContext(ctx, "users of this MariaDB who set their passwords over and over keep everybody else from signing in",
		"backend", b.target.address, "hint", "SET GLOBAL max_write_lock_count=1, and the same in its configuration file")
}

// adviseThreads tells that a session hides behind a stored program. While it runs one in its
// definer's name, only performance_schema.threads has its own.
func (b *Backend) adviseThreads(ctx context.Context, log *slog.Logger) {
	var one int
	if err := b.db.QueryRowContext(ctx, "SELECT 1 FROM performance_schema.threads LIMIT 1").Scan(&one); err == nil {
		return
	}
	log.WarnContext(ctx, "an AADUSER's sessions that did not come through midas may go on at this backend after it lost its rights, if they run a stored program then: midas cannot tell whose they are",
		"backend", b.target.address, "hint", "performance_schema=ON in the server's configuration file, and SELECT on performance_schema.threads for midas's user; or let only midas reach the backend")
}

func (t target) tlsWords() string {
	switch {
	case t.network == "unix":
		return ", served by " + t.peer.known.String()
	case t.peer != nil && t.peer.byCertificate:
		return ", TLS with the certificate of the first contact"
	case t.peer != nil && t.tls != nil:
		return ", TLS, served by " + t.peer.known.String()
	case t.peer != nil:
		return ", without TLS, served by " + t.peer.known.String()
	case t.tls == nil:
		return ", without TLS"
	case t.tls.InsecureSkipVerify && t.tls.VerifyConnection == nil:
		return ", TLS without verification"
	}
	return ", TLS"
}

// cause shortens the network's errors: they repeat addresses and say "i/o timeout".
func cause(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("no greeting within %v", dialTimeout)
	}
	return err
}

// explain turns what went wrong on the way to the server into words with a next step.
func (t target) explain(err error) error {
	var known *midas.Error
	if errors.As(err, &known) {
		return err
	}
	var dns *net.DNSError
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &dns):
		return midas.Errorf(midas.Unavailable, "backend host %q cannot be found: %w", dns.Name, errors.New(dns.Err)).
			WithHint("check the host name in the backend URL")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return midas.Errorf(midas.Unavailable, "nothing listens at backend %s: %w", t.address, err).
			WithHint("is the server running, and is the address in the backend URL its own?")
	case errors.As(err, &refused):
		return t.refusal(refused)
	case errors.Is(err, mysql.ErrNoTLS):
		return midas.Errorf(midas.Unavailable, "backend %s offers no TLS", t.address).
			WithHint("enable TLS on the server, or add ?tls=disabled to the backend URL if the network is trusted")
	case isTLSError(err):
		return midas.Errorf(midas.Unavailable, "backend %s: TLS: %w", t.address, err).
			WithHint("name its authority with ?ca=FILE; ?tls=required leaves out the host name, ?tls=insecure-skip-verify everything")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return midas.Errorf(midas.Unavailable, "backend %s does not answer within %v: %w", t.address, dialTimeout, err).
			WithHint("is it up and reachable from here?")
	}
	return midas.Errorf(midas.Unavailable, "backend %s: %w", t.address, err)
}

func (t target) refusal(err *mysql.MySQLError) error {
	switch err.Number {
	case mysqlerr.AccessDenied, mysqlerr.AccessDeniedNoPassword, mysqlerr.HostNotPrivileged:
		return midas.Errorf(midas.Unauthenticated, "backend %s refuses user %q: %w", t.address, t.user, err).
			WithHint("check the user and its password, and that the account may connect from this host%s", t.unreadable())
	}
	return midas.Errorf(midas.Unavailable, "backend %s: %w", t.address, err)
}

// unreadable says what else a refusal may come from: see nobodysKey.
func (t target) unreadable() string {
	if t.tls != nil || t.verified() {
		return ""
	}
	return "; without TLS midas encrypts no password under a key that nobody has verified, which accounts of caching_sha2_password need: use tls=required, or unix:/path/to/mysqld.sock"
}

// needed is what the service account must hold everywhere: to make accounts and their
// records, and to pass on what an administrator has, which is what GRANT OPTION is for.
func needed() []string { return append(account.AdministratorPrivileges(), "GRANT OPTION") }

func enough(ctx context.Context, b *Backend) error {
	rows, err := b.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return err
	}
	defer rows.Close()
	missing := needed()
	for rows.Next() {
		var grant string
		if err := rows.Scan(&grant); err != nil {
			return err
		}
		missing = lacking(missing, grant)
	}
	if err := rows.Err(); err != nil || len(missing) == 0 {
		return err
	}
	return midas.Errorf(midas.Forbidden, "backend account %q lacks %s on *.*", b.target.user, strings.Join(missing, ", ")).
		WithHint("as an administrator of that server: GRANT ALL PRIVILEGES ON *.* TO the account WITH GRANT OPTION")
}

// mariadbWord is how MariaDB shows privileges that it has renamed.
// Source: MariaDB documentation, GRANT, "Global Privileges".
var mariadbWord = map[string]string{"REPLICATION CLIENT": "BINLOG MONITOR"}

// lacking removes from missing what one line of SHOW GRANTS gives on *.*.
func lacking(missing []string, grant string) []string {
	privileges, rest, ok := strings.Cut(strings.TrimPrefix(grant, "GRANT "), " ON *.* TO ")
	if !ok {
		return missing
	}
	has := strings.Split(privileges, ", ")
	all := slices.Contains(has, "ALL PRIVILEGES")
	return slices.DeleteFunc(missing, func(p string) bool {
		if p == "GRANT OPTION" {
			return strings.Contains(rest, " WITH GRANT OPTION")
		}
		return all || slices.Contains(has, p) || slices.Contains(has, mariadbWord[p])
	})
}
