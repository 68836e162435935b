package stack

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/midas-mysql/midas"
)

// metrics are what /metrics shows. No label ever holds a name that a stranger can
// choose: each new one would be kept in memory for ever.
type metrics struct {
	registry *prometheus.Registry
	signIns  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "midas_sign_ins_total", Help: "Sign-ins at the gateway by outcome; unavailable are those that midas or the database could not decide.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []midas.Outcome{midas.Admitted, midas.Refused, midas.Undecided} {
		m.signIns.WithLabelValues(string(outcome)) // rates need the first one too
	}
	m.registry.MustRegister(m.signIns, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) signIn(r midas.SignIn) { m.signIns.WithLabelValues(string(r.Outcome)).Inc() }

// serveOps serves metrics and health, over TLS where a token is asked for.
func (s *Stack) serveOps(ctx context.Context, port httpPort) error {
	if s.config.OpsToken == "" {
		return port.serve(ctx, s.opsLn, s.opsHandler())
	}
	config := s.tlsConfig(s.controlNames)
	config.NextProtos = []string{"h2", "http/1.1"}
	return port.serve(ctx, tls.NewListener(s.opsLn, config), bearers(s.config.OpsToken, s.opsHandler()))
}

// bearers refuses requests without the token, but for /healthz: a load balancer has no token, and that
// midas runs is no secret.
// Source: RFC 6750, section 2.1.
func bearers(token string, h http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(sent)))
		if r.URL.Path != "/healthz" && (!strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send the token of --ops-token-file: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// opsHandler serves metrics and health. It asks for no credential.
func (s *Stack) opsHandler() http.Handler {
	s.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "midas_sessions", Help: "Connections at the gateway now.",
	}, func() float64 { return float64(s.gateway.Sessions()) }))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			http.Error(w, "going down: no new sessions", http.StatusServiceUnavailable)
			return
		}
		if err := s.bindings.answers(r.Context()); err != nil {
			http.Error(w, "the backend does not answer: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ready\n"))
	})
	return mux
}
