package publicnames

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

// ProxyConfig says who answers.
type ProxyConfig struct {
	// TLS has a certificate of every name.
	TLS *tls.Config
	// Names answers what comes through a tunnel to one of the names.
	Names http.Handler
	// Metadata answers requests to http://169.254.169.254. A user name and password in the
	// proxy's address are sent on as the workload's secret, which is the password.
	Metadata http.Handler
	// Connections are at most open at a time, and as many tunnels, but not over 512; 512
	// when 0.
	Connections int
	Log         *slog.Logger // nil for silence
}

// Proxy is an HTTP proxy for programs on this machine.
type Proxy struct {
	ProxyConfig
	tunnels chan net.Conn // to the server of the names
	slots   chan struct{} // bounds the tunnels
	refused *throttledlog.Log
}

// Bounds on what strangers may hold: there is no authentication for a tunnel, since who
// asks through it is authenticated at its end.
const (
	maxTunnels  = 512
	onTheWay    = 16 // tunnels that their server has not taken yet
	takeTimeout = 5 * time.Second
)

// NewProxy returns a proxy that is ready to Serve, or an error when a part is missing.
func NewProxy(cfg ProxyConfig) (*Proxy, error) {
	if cfg.TLS == nil || cfg.Names == nil || cfg.Metadata == nil {
		return nil, midas.Errorf(midas.Internal, "the proxy needs certificates and who answers")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Connections == 0 {
		cfg.Connections = maxTunnels
	}
	return &Proxy{
		ProxyConfig: cfg, tunnels: make(chan net.Conn), slots: make(chan struct{}, cfg.maxTunnels()+onTheWay),
		refused: throttledlog.New(cfg.Log, time.Now),
	}, nil
}

// maxTunnels is how many the server of the names holds; then the longest idle makes room.
func (c ProxyConfig) maxTunnels() int { return min(c.Connections, maxTunnels) }

// Serve serves on l until ctx ends; then it closes l and all tunnels.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	front := p.newServer(ctx, p, p.Connections)
	behind := p.newServer(ctx, p.Names, p.maxTunnels())
	inner := &tunnelListener{ctx: ctx, tunnels: p.tunnels, address: l.Addr()}
	ended := make(chan error, 2)
	go func() { ended <- behind.Serve(tls.NewListener(inner, p.TLS)) }()
	go func() { ended <- front.Serve(l) }()
	var err error
	left := 2
	select {
	case err = <-ended:
		left--
	case <-ctx.Done():
	}
	cancel()
	front.Close()
	behind.Close()
	for range left {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) newServer(ctx context.Context, h http.Handler, most int) *http.Server {
	return connections.NewServer(ctx, connections.Config{Handler: h, Connections: most, Log: p.Log})
}

// ServeHTTP answers one request to the proxy itself.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		p.connect(w, r)
	case r.URL.Scheme == "http" && (r.URL.Host == Metadata || r.URL.Host == Metadata+":80"):
		p.metadata(w, r)
	default:
		p.refuse(w, r, r.URL.Host)
	}
}

func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, target string) {
	p.refused.Info(r.RemoteAddr, "proxy refused", "target", clip.To(target, 200))
	http.Error(w, "midas answers here for "+strings.Join(All(), ", ")+" and http://"+Metadata+", and reaches nothing else.", http.StatusForbidden)
}

// connect opens a tunnel to a name.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil || port != "443" || !slices.Contains(All(), strings.ToLower(host)) {
		p.refuse(w, r, r.Host)
		return
	}
	select {
	case p.slots <- struct{}{}:
	default:
		http.Error(w, "too many tunnels", http.StatusServiceUnavailable)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		<-p.slots
		http.Error(w, "no tunnel over this connection", http.StatusInternalServerError)
		return
	}
	tunnel := &tunnel{Conn: conn, early: buffered.Reader, free: p.slots}
	// Who does not read keeps no room on the way.
	err = conn.SetDeadline(time.Now().Add(takeTimeout))
	if err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // the server of the names has its own
	}
	if err != nil {
		tunnel.Close()
		return
	}
	select {
	case p.tunnels <- tunnel:
	case <-time.After(takeTimeout): // the server of the names has ended
		tunnel.Close()
	}
}

// metadata passes a request on as if it had come to the metadata endpoint itself.
func (p *Proxy) metadata(w http.ResponseWriter, r *http.Request) {
	direct := r.Clone(r.Context())
	direct.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	direct.RequestURI = direct.URL.RequestURI()
	direct.Host = Metadata
	if secret, sent := proxyPassword(r); sent {
		direct.Header.Set("X-IDENTITY-HEADER", secret)
	}
	for _, name := range []string{"Proxy-Authorization", "Proxy-Connection"} {
		direct.Header.Del(name)
	}
	p.Metadata.ServeHTTP(w, direct)
}

// proxyPassword is the password that a client took from the proxy's address.
func proxyPassword(r *http.Request) (string, bool) {
	header := r.Header.Get("Proxy-Authorization")
	if header == "" {
		return "", false
	}
	_, password, ok := (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
	return password, ok
}
