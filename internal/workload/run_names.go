package workload

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/statedir"
)

const loopback = "127.0.0.1"

// insideHosts are the names that a program on the VM can resolve.
func insideHosts(servers []Server, at places) map[string]string {
	hosts := at.hosts(servers)
	for _, name := range publicnames.All() {
		hosts[name] = loopback
	}
	return hosts
}

// learnEvery is how often new servers are looked for while a command runs on a VM.
const learnEvery = 2 * time.Second

// learnServers adds the names of servers that are created after those of the start. A midas
// that does not answer is no reason to end: it may come back.
func learnServers(a *armclient.Client, first []Server, at places) func(context.Context, func(map[string]string) error) {
	return func(ctx context.Context, add func(map[string]string) error) {
		known := at.hosts(first)
		for tick := time.NewTicker(learnEvery); ; {
			if servers, err := ListServers(ctx, a); err == nil {
				fresh := at.hosts(servers)
				maps.DeleteFunc(fresh, func(name, _ string) bool { return known[name] != "" })
				if len(fresh) > 0 && add(fresh) == nil {
					maps.Copy(known, fresh)
				}
			}
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}
}

// azureNames serves Azure's public names on port 443 of the VM: it ends TLS for them and
// passes requests on to the control address, which is told the name. trust are variables
// with which programs trust both authorities.
func azureNames(stateDir string, running statedir.Running) (serve func(net.Listener) error, trust []variable, err error) {
	authority, err := publicnames.OpenAuthority(statedir.AzurePath(stateDir))
	if err != nil {
		return nil, nil, err
	}
	if trust, err = trustVariables(stateDir, authority.PEM()); err != nil {
		return nil, nil, err
	}
	target, transport, err := controlTransport(running)
	if err != nil {
		return nil, nil, err
	}
	handler := controlProxy(target, transport)
	return func(l net.Listener) error {
		return serveInside(tls.NewListener(l, authority.TLSConfig(nil)), handler)
	}, trust, nil
}

// controlTransport reaches the control address through no proxy, and trusts the authority of
// the running midas alone.
func controlTransport(running statedir.Running) (*url.URL, *http.Transport, error) {
	target, transport, err := armclient.TransportTo(running.Control, running.CA)
	if err != nil {
		return nil, nil, err
	}
	transport.Proxy = nil // never one of the user's
	return target, transport, nil
}

// controlProxy passes requests on as they came, but for where they go.
func controlProxy(target *url.URL, transport http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
		},
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, `{"error":{"code":"BadGateway","message":"midas does not answer at %s: is midas up running?"}}`, target.Host)
		},
	}
}
