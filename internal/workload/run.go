package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/connections"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/relay"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/vmns"
)

// Where a program on a VM finds things.
const (
	insideMetadata = "169.254.169.254:80"
	insideMySQL    = "127.0.0.1:3306"
	insideAzure    = "127.0.0.1:443"
)

// dialTimeout bounds reaching the gateway, which is on the same machine.
const dialTimeout = 5 * time.Second

// RunCommand makes `midas vm run`.
func (c *Runner) RunCommand() *cobra.Command {
	var vm Machine
	var onHost bool
	cmd := &cobra.Command{
		Use:   "run NAME [flags] -- COMMAND [ARGUMENT]…",
		Short: "Run a command as if on the VM",
		Long: `Run a command as if on the VM, as yourself and in the present directory: in a private
network where http://169.254.169.254 is the VM's metadata endpoint, where the names of
the MySQL servers lead to the gateway on port 3306, where login.microsoftonline.com,
management.azure.com and graph.microsoft.com are this midas, so that az and Azure's SDKs
work as they are, and from where nothing else can be reached. The exit status is the
command's. Servers created meanwhile are found within seconds.

Where the system allows no private network, the command is not run: on this machine's own
network, 169.254.169.254 may be the metadata endpoint of a real cloud. With --plain it runs
there all the same, with the variables of "midas env".`,
		Example: `  midas vm run myVM -- curl -H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fossrdbms-aad.database.windows.net'
  midas vm run myVM -g myResourceGroup -- bash -c 'az login --identity && az group list'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage.Errorf("vm run needs the name of a VM and a command").WithHint("for one: midas vm run myVM -- midas token")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			vm.Name = args[0]
			return c.vmRun(cmd.Context(), vm, onHost, args[1:])
		},
	}
	cmd.Flags().BoolVar(&onHost, "plain", false, "run on this machine's own network, with the variables of midas env; 169.254.169.254 is not midas there")
	cmd.Flags().StringVarP(&vm.Group, "resource-group", "g", "", "resource group of the VM, if several have one of that name")
	return cmd
}

func (c *Runner) vmRun(ctx context.Context, vm Machine, onHost bool, command []string) error {
	if onHost {
		// The command hears the signals itself; ours must not cut it short.
		code, err := c.vmRunPlain(context.WithoutCancel(ctx), vm, command)
		return commandEnded(c, code, err)
	}
	running, err := statedir.ReadRunning(c.StateDir)
	if err != nil {
		return armclient.NotRunning(err)
	}
	a, err := c.Client()
	if err != nil {
		return err
	}
	vm.lifetime = runSecretLifetime
	if err := vm.find(ctx, a); err != nil {
		return err
	}
	servers, err := ListServers(ctx, a)
	if err != nil {
		return err
	}
	metadata, err := metadataProxy(running, vm.lease(c, a))
	if err != nil {
		return err
	}
	azure, trust, err := azureNames(c.StateDir, running)
	if err != nil {
		return err
	}
	at := placesOf(running)
	cfg := vmns.Config{
		Forwards: []vmns.Forward{
			{Inside: insideMetadata, Serve: func(l net.Listener) error { return serveInside(l, metadata) }},
			{Inside: insideAzure, Serve: azure},
		},
		Hosts:   insideHosts(servers, at),
		Learn:   learnServers(a, servers, at),
		Command: command,
		Env:     insideEnvironment(os.Environ(), vm.Name, servers, trust),
		Stdin:   c.In, Stdout: c.Out, Stderr: c.Err,
	}
	cfg.Forwards = alsoInside(append(cfg.Forwards, at.forwards(running)...), sameInside(running)...)
	// The command hears the signals itself; ours must not cut it short.
	ctx = context.WithoutCancel(ctx)
	code, err := vmns.Run(ctx, cfg)
	if errors.Is(err, vmns.ErrForbidden) {
		return midas.Errorf(midas.Unavailable, "%w; the command was not run, for 169.254.169.254 would not be midas", err).
			WithHint("midas vm run --plain %s -- … runs it on this machine's own network, with the variables of midas env", vm.Name)
	}
	return commandEnded(c, code, err)
}

// vmRunPlain is vm run without a private network.
func (c *Runner) vmRunPlain(ctx context.Context, vm Machine, command []string) (int, error) {
	vars, err := c.environment(ctx, &vm)
	if err != nil {
		return 0, err
	}
	return vmns.Plain(ctx, vmns.Config{
		Command: command, Env: withVariables(os.Environ(), append(vars, variable{"MIDAS_VM", vm.Name})),
		Stdin: c.In, Stdout: c.Out, Stderr: c.Err,
	})
}

// commandEnded turns the end of the command into ours. A command that could not be
// started has a shell's exit status, and a reason.
func commandEnded(c *Runner, code int, err error) error {
	if err != nil && code == 0 {
		return err
	}
	output.Report(c.Err, err)
	if code == 0 {
		return nil
	}
	return output.ExitStatus(code)
}

// metadataProxy forwards requests to the metadata endpoint, at the control address: over
// TLS, no other process that has taken a port of midas is sent the machine's secret. It
// adds the secret below /metadata/ alone: in the other dialects, the client sends a secret of
// its own. It passes Host, X-Forwarded-For and the query on as they came, so that the
// endpoint itself can refuse what it refuses anywhere; it logs nothing, since answers hold
// tokens.
func metadataProxy(running statedir.Running, lease *secretLease) (http.Handler, error) {
	target, transport, err := controlTransport(running)
	if err != nil {
		return nil, err
	}
	transport.ResponseHeaderTimeout = 30 * time.Second
	return withSecret(lease, &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.Path = statedir.MachinePath + r.In.URL.Path
			if r.In.URL.RawPath != "" {
				r.Out.URL.RawPath = statedir.MachinePath + r.In.URL.RawPath
			}
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
			if hops, sent := r.In.Header["X-Forwarded-For"]; sent {
				r.Out.Header["X-Forwarded-For"] = hops
			}
			r.Out.Header.Set("Via", "1.1 midas")
			r.Out.Header.Del("X-IDENTITY-HEADER")
			if secret, is := r.In.Context().Value(secretKey{}).(string); is {
				r.Out.Header.Set("X-IDENTITY-HEADER", secret)
			}
		},
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, `{"error":"service_unavailable","error_description":"midas does not answer at %s: is midas up running?"}`, target.Host)
		},
	}), nil
}

// lease renews the secret for as long as the command runs.
func (m Machine) lease(c *Runner, a *armclient.Client) *secretLease {
	return &secretLease{
		secret: m.secret, since: c.now(), until: m.until, now: c.now,
		renew: func(ctx context.Context) (string, time.Time, error) {
			fresh := m
			err := fresh.prove(ctx, a)
			return fresh.secret, fresh.until, err
		},
	}
}

func serveInside(l net.Listener, handler http.Handler) error {
	// The terminal is the command's: it gets no log.
	s := connections.NewServer(context.Background(), connections.Config{Handler: handler, Connections: connections.Share(0)})
	return s.Serve(l)
}

// ForwardTo joins each connection with a new one to address, until l is closed.
func ForwardTo(l net.Listener, address string) error {
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			upstream, err := net.DialTimeout("tcp", address, dialTimeout)
			if err != nil {
				client.Close() // a client of MySQL reports the lost connection
				return
			}
			_ = relay.Join(client, upstream) // both ends know when it breaks
		}()
	}
}
