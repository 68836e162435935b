package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/peer"
	"github.com/midas-mysql/midas/internal/wire"
)

// maxGreeting bounds what a server may say first: a greeting has about a hundred bytes.
const maxGreeting = 4 << 10

// met is what a first contact finds out, before anything is sent.
type met struct {
	conn     net.Conn
	greeting wire.Greeting
	user     uint32
	unknown  error // why the system does not tell the user
}

func (m met) offersTLS() bool { return m.greeting.Capabilities.Has(wire.ClientSSL) }

// meet dials and hears the greeting. The caller closes the connection.
func (t target) meet(ctx context.Context) (m met, err error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return met{}, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	m.conn = conn
	if deadline, ok := ctx.Deadline(); ok {
		_ = m.conn.SetDeadline(deadline)
	}
	if t.local {
		m.user, m.unknown = userBehind(m.conn)
	}
	payload, _, err := wire.ReadPacket(m.conn, nil, maxGreeting)
	if err == nil && wire.IsERR(payload) {
		refused, err := wire.ParseERR(payload)
		if err == nil {
			return met{}, t.explain(&mysql.MySQLError{Number: refused.Code, Message: refused.Message})
		}
		return met{}, t.noGreeting(err)
	}
	if err == nil {
		m.greeting, err = wire.ParseGreeting(payload)
	}
	if err != nil {
		return met{}, t.noGreeting(err)
	}
	return m, nil
}

// noGreeting is of servers that speak another protocol, or, as HTTP's do, wait for the
// client to begin, which a driver can only call a timeout.
func (t target) noGreeting(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it hung up")
	}
	return midas.Errorf(midas.Unavailable, "%s does not speak the MySQL protocol: %w", t.address, cause(err)).
		WithHint("check host and port in the backend URL; MySQL's classic protocol is usually on port 3306")
}

// recognise decides by what the server at a local address is known, at the first contact
// and from then on, and with that whether the hop has TLS.
func (t *target) recognise(m met, file string, log *slog.Logger) error {
	all, err := readKnown(file)
	if err != nil {
		return err
	}
	p := &localPeer{address: t.address, file: file, known: all[t.address]}
	who, first := identity{User: &m.user}, p.known == identity{}
	switch {
	case m.unknown == nil && (trustedUser(m.user) || p.known.isUser(m.user)):
		p.known = who
	case p.known.Certificate != "" && t.network == "tcp" && !t.plain:
		p.byCertificate = true
	case !first && m.unknown == nil:
		return p.stranger(who)
	case p.known.User != nil:
		return midas.Errorf(midas.Forbidden, "backend %s was served by %s, and now this system does not tell by whom: %w", t.address, p.known, m.unknown).
			WithHint("if it is your database server: midas backend trust %s", t.address)
	case m.unknown != nil && t.plain && t.network == "tcp":
		return nil // tls=disabled: the operator answers for the network, and nobody for keys
	default:
		if p.known, err = t.firstContact(m); err != nil {
			return err
		}
		p.byCertificate = p.known.Certificate != ""
	}
	if first {
		if err := p.remember(log); err != nil {
			return err
		}
	}
	t.peer = p
	if t.network == "tcp" && !t.plain && (m.offersTLS() || p.byCertificate) {
		t.tls = t.localTLS(p)
	}
	return nil
}

// remember keeps who served the address at the first contact, and says so. Root and midas's
// own user are remembered too: else the next to take the address would be met as the first.
func (p *localPeer) remember(log *slog.Logger) error {
	ours := p.known.User != nil && trustedUser(*p.known.User)
	if ours && p.file == "" {
		return nil
	}
	if err := remember(p.file, p.address, p.known); err != nil {
		return err
	}
	if !ours {
		log.Warn("first contact with the backend: remembered who serves it, and nobody else will get a password", "address", p.address, "served by", p.known.String())
	}
	return nil
}

// firstContact is by what a server will be known that was never met before.
func (t target) firstContact(m met) (identity, error) {
	switch {
	case t.network == "unix" && (m.unknown != nil || peer.Ambiguous(m.user) || !kept(t.address, m.user)):
		return identity{}, midas.Errorf(midas.Forbidden, "socket %s is served by user %s, and others could have put it there", t.address, userName(m.user)).
			WithHint("if that is your database server: midas backend trust %s", t.address)
	case m.unknown == nil:
		return identity{User: &m.user}, nil
	case !m.offersTLS():
		return identity{}, midas.Errorf(midas.Forbidden, "backend %s offers no TLS, and this system does not tell whose process serves it: %w", t.address, m.unknown).
			WithHint("use the server's socket, unix:/path/to/mysqld.sock, or enable TLS on the server; with ?tls=disabled passwords go to any process that takes its port")
	}
	shown, err := t.certificate(m)
	return identity{Certificate: shown}, err
}

// certificate starts TLS, to see the server's certificate, and sends nothing more.
func (t target) certificate(m met) (string, error) {
	request := wire.SSLRequest{
		Capabilities: wire.ClientProtocol41 | wire.ClientSSL | wire.ClientSecureConnection | wire.ClientPluginAuth, Charset: 45, MaxPacket: 1 << 24,
	}
	if _, err := m.conn.Write(wire.AppendPacket(nil, 1, request.Append(nil))); err != nil {
		return "", t.explain(err)
	}
	shown := ""
	secured := tls.Client(m.conn, &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // to be seen, not to be believed
		VerifyConnection: func(s tls.ConnectionState) error { shown = fingerprint(s.PeerCertificates[0]); return nil },
	})
	if err := secured.Handshake(); err != nil {
		return "", t.explain(err)
	}
	return shown, nil
}

// localTLS is for servers whose certificate names no host and has no authority. Either the
// kernel has told whose process it is, or the certificate's key is compared.
func (t target) localTLS(p *localPeer) *tls.Config {
	host, _, _ := net.SplitHostPort(t.address)
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, ClientSessionCache: sessionCache()}
	if p.byCertificate {
		config.VerifyConnection = p.verifyCertificate
	}
	return config
}

// sessionCache lets a connection resume the TLS session of one before, which spares both
// sides the costly part of a handshake.
func sessionCache() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(64) }

// Trusted is what Trust has done, in words for people.
type Trusted struct {
	Name     string `json:"name"`
	ServedBy string `json:"servedBy"`
	Before   string `json:"before"`
}

// Trust meets the server of a URL that names an address on this machine, and remembers who
// serves it now in place of who did before. It sends no password.
func Trust(ctx context.Context, cfg ExternalConfig) (Trusted, error) {
	t, err := parseURL(cfg)
	if err != nil {
		return Trusted{}, err
	}
	if !t.local {
		return Trusted{}, midas.Errorf(midas.Invalid, "%s is verified by its certificate's authority and name, and not by who serves it", t.address).
			WithHint("only servers on this machine are remembered, without tls= or ca= in their URL")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	m, err := t.meet(ctx)
	if err != nil {
		return Trusted{}, err
	}
	defer m.conn.Close()
	_ = m.conn.SetDeadline(time.Now().Add(dialTimeout))
	all, err := readKnown(cfg.Known)
	if err != nil {
		return Trusted{}, err
	}
	who := identity{User: &m.user}
	if m.unknown != nil {
		if who, err = t.firstContact(m); err != nil {
			return Trusted{}, err
		}
	}
	return Trusted{t.address, who.String(), all[t.address].String()}, remember(cfg.Known, t.address, who)
}
