package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/ca"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/vmns"
)

// fakeVM is a state in which a midas runs that knows the VM myVM and the server mydb.
// Its metadata endpoint, at the control address, tells what it was asked, its gateway greets and echoes.
type fakeVM struct {
	state    string
	metadata *httptest.Server
	gateway  net.Listener
	port     string
	ca       *ca.CA
}

func newFakeVM(t *testing.T, identity string) *fakeVM {
	t.Helper()
	f := &fakeVM{}
	f.metadata = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("what a VM asks goes over TLS, not here: %s", r.URL)
	}))
	t.Cleanup(f.metadata.Close)
	var err error
	if f.gateway, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.gateway.Close() })
	_, f.port, _ = net.SplitHostPort(f.gateway.Addr().String())
	go f.greet()

	group := "/subscriptions/" + armtest.Subscription + "/resourceGroups/myResourceGroup/providers/"
	arm := armtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/virtualMachines"):
			fmt.Fprintf(w, `{"value": [{"id": "%sMicrosoft.Compute/virtualMachines/myVM", "name": "myVM", "identity": %s}]}`, group, identity)
		case strings.HasSuffix(path, "/virtualMachines/myVM/listIdentityEndpoint") && r.Method == http.MethodPost:
			fmt.Fprintf(w, `{"identityEndpoint": "%s/msi/token", "identityHeader": "id.secret", "expiresOn": "2100-01-01T00:00:00Z"}`, f.metadata.URL)
		case strings.HasPrefix(r.RequestURI, statedir.MachinePath+"/"):
			fmt.Fprintf(w, "%s %s secret=%s forwarded=%q metadata=%s\n", r.Method, strings.TrimPrefix(r.RequestURI, statedir.MachinePath),
				r.Header.Get("X-Identity-Header"), r.Header["X-Forwarded-For"], r.Header.Get("Metadata"))
		case strings.HasSuffix(path, "/flexibleServers"):
			fmt.Fprintf(w, `{"value": [{"id": "%sMicrosoft.DBforMySQL/flexibleServers/mydb", "name": "mydb",
				"properties": {"fullyQualifiedDomainName": "mydb.mysql.database.azure.com"}}]}`, group)
		case strings.HasPrefix(path, "/who/"):
			fmt.Fprintf(w, "%s %s of %s", r.Method, r.RequestURI, r.Host)
		default:
			t.Errorf("unexpected request %s %s", r.Method, path)
		}
	})
	f.state = arm.State(t)
	running, err := statedir.ReadRunning(f.state)
	if err != nil {
		t.Fatal(err)
	}
	running.Metadata, running.MySQL = f.metadata.URL, f.gateway.Addr().String()
	if err := statedir.WriteRunning(f.state, running); err != nil {
		t.Fatal(err)
	}
	if f.ca, err = ca.Open(ca.Config{Dir: filepath.Join(f.state, "ca")}); err != nil {
		t.Fatal(err)
	}
	return f
}

// greet answers each connection of the fake gateway after its client has finished.
func (f *fakeVM) greet() {
	for {
		conn, err := f.gateway.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			said, _ := io.ReadAll(conn) // until the half-close arrives
			fmt.Fprintf(conn, "gateway heard %q\n", said)
		}()
	}
}

func (f *fakeVM) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = slices.Insert(slices.Clone(args), 1, "--state="+f.state)
	code = program{args, strings.NewReader(""), &out, &errs}.Run(t.Context())
	return code, out.String(), errs.String()
}

// clearEnvironment takes away what a developer's shell may have set.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
		"AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZURE_FEDERATED_TOKEN_FILE", "MYSQL_HOST", "MYSQL_TCP_PORT", "MIDAS_VM", "MIDAS_STATE", "AZURE_CLIENT_ID",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "MYSQL_HOME", "MARIADB_HOME",
		"NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy",
	} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
}

// needNamespaces ends a test where the system has none.
func needNamespaces(t *testing.T) {
	t.Helper()
	if _, err := vmns.Run(t.Context(), vmns.Config{Command: []string{"true"}, Env: os.Environ()}); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must have namespaces: %v", err)
		}
		t.Skipf("left out, no namespaces here: %v", err)
	}
}

func needProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must have %s: %v", name, err)
		}
		t.Skipf("left out: no %s on PATH", name)
	}
}
