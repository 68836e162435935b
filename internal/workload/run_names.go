package workload

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/vmns"
)

const loopback = "127.0.0.1"

// insideHosts are the names that a program on the VM can resolve.
func insideHosts(servers []Server) map[string]string {
	hosts := serverHosts(servers)
	for _, name := range publicnames.All() {
		hosts[name] = loopback
	}
	return hosts
}

func serverHosts(servers []Server) map[string]string {
	hosts := map[string]string{}
	for _, s := range servers {
		hosts[s.Name], hosts[s.fqdn] = loopback, loopback
	}
	return hosts
}

// learnEvery is how often new servers are looked for while a command runs on a VM.
const learnEvery = 2 * time.Second

// learnServers adds the names of servers that are created after those of the start. A midas
// that does not answer is no reason to end: it may come back.
func learnServers(a *armclient.Client, at []Server) func(context.Context, func(map[string]string) error) {
	return func(ctx context.Context, add func(map[string]string) error) {
		known := serverHosts(at)
		for tick := time.NewTicker(learnEvery); ; {
			if servers, err := ListServers(ctx, a); err == nil {
				fresh := serverHosts(servers)
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

// insideControl makes the control address itself reachable from the VM, under which tokens
// name their issuer. Only a loopback address needs it and can have it.
func insideControl(control string) (vmns.Forward, bool) {
	u, err := url.Parse(control)
	if err != nil {
		return vmns.Forward{}, false
	}
	address, err := netip.ParseAddrPort(u.Host)
	if err != nil || !address.Addr().Is4() || !address.Addr().IsLoopback() || u.Host == insideAzure || u.Host == insideMySQL {
		return vmns.Forward{}, false
	}
	return vmns.Forward{Inside: u.Host, Serve: func(l net.Listener) error { return ForwardTo(l, u.Host) }}, true
}
