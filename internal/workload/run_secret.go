package workload

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// runSecretLifetime is how long a secret of vm run is asked for: it is renewed for as long
// as the command runs, and ends soon after it.
const runSecretLifetime = time.Hour

// secretLease is the secret of a machine, renewed once half of its time is over.
type secretLease struct {
	renew func(ctx context.Context) (secret string, until time.Time, err error)
	now   func() time.Time

	mu     sync.Mutex
	secret string
	since  time.Time
	until  time.Time // zero for a secret that names no end
	tried  time.Time
}

// retryRenewal is how long a failed renewal is left alone.
const retryRenewal = 10 * time.Second

// get returns the secret. While it cannot be renewed, the old one goes on: the endpoint
// decides. Of a machine that was made again it has no secret: the command is not on that.
func (l *secretLease) get(ctx context.Context) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	half := l.since.Add(l.until.Sub(l.since) / 2)
	if l.until.IsZero() || now.Before(half) || now.Sub(l.tried).Abs() < retryRenewal {
		return l.secret
	}
	l.tried = now
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	fresh, until, err := l.renew(ctx)
	if err == nil && sameMachine(fresh, l.secret) {
		l.secret, l.since, l.until = fresh, now, until
	}
	return l.secret
}

// sameMachine compares the ids with which secrets begin.
func sameMachine(a, b string) bool {
	of, _, _ := strings.Cut(a, ".")
	return strings.HasPrefix(b, of+".")
}

// withSecret adds the machine's secret to requests below /metadata/.
func withSecret(lease *secretLease, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimLeft(r.URL.EscapedPath(), "/"), "/")
		if strings.EqualFold(first, "metadata") {
			r = r.WithContext(context.WithValue(r.Context(), secretKey{}, lease.get(r.Context())))
		}
		next.ServeHTTP(w, r)
	})
}

type secretKey struct{}
