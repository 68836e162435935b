package workload

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
)

// defaultSource is the dialect that every SDK speaks everywhere.
const defaultSource = "appservice"

// identitySources are the places on which SDKs think that they are, each with the
// variables by which they do: what is not set there must not be set at all.
var identitySources = map[string]func(ctx context.Context, m Machine, r statedir.Running) ([]variable, error){
	defaultSource: func(_ context.Context, m Machine, _ statedir.Running) ([]variable, error) {
		return append([]variable{{"IDENTITY_ENDPOINT", m.endpoint}, {"IDENTITY_HEADER", m.secret}}, m.clientID("AZURE_CLIENT_ID")...), nil
	},
	"ml": func(_ context.Context, m Machine, _ statedir.Running) ([]variable, error) {
		return append([]variable{{"MSI_ENDPOINT", m.endpoint}, {"MSI_SECRET", m.secret}}, m.clientID("AZURE_CLIENT_ID", "DEFAULT_IDENTITY_CLIENT_ID")...), nil
	},
	"cloudshell": func(_ context.Context, m Machine, r statedir.Running) ([]variable, error) {
		return []variable{{"MSI_ENDPOINT", m.as(r) + "/cloudshell/oauth2/token"}}, nil
	},
	"arc": func(_ context.Context, m Machine, r statedir.Running) ([]variable, error) {
		// The SDK for Python takes the name of a user-assigned identity for a mistake here.
		return []variable{{"IDENTITY_ENDPOINT", m.as(r) + "/arc/metadata/identity/oauth2/token"}, {"IMDS_ENDPOINT", r.Metadata}}, nil
	},
	"servicefabric": func(ctx context.Context, m Machine, r statedir.Running) ([]variable, error) {
		thumbprint, err := thumbprint(ctx, r)
		return []variable{
			{"IDENTITY_ENDPOINT", r.Control + "/servicefabric/token"}, {"IDENTITY_HEADER", m.secret}, {"IDENTITY_SERVER_THUMBPRINT", thumbprint},
		}, err
	},
	"imds": func(_ context.Context, m Machine, r statedir.Running) ([]variable, error) {
		return append([]variable{
			{"AZURE_POD_IDENTITY_AUTHORITY_HOST", m.as(r)}, {"MSAL_MANAGED_IDENTITY_ENDPOINT", m.as(r) + "/metadata/identity/oauth2/token"},
		}, m.clientID("AZURE_CLIENT_ID")...), nil
	},
}

// sourceNames are those of identitySources, the default first.
func sourceNames() []string {
	names := []string{defaultSource}
	for name := range identitySources {
		if name != defaultSource {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	return names
}

// sourceHelp says what each is.
const sourceHelp = `The metadata endpoint speaks several dialects; an SDK chooses one by the variables that
it finds. --source says which to set:

  appservice     Azure App Service, Functions and Container Apps: every SDK, the default
  ml             Azure Machine Learning, and App Service's version of 2017
  cloudshell     Cloud Shell: the VM's own identity only
  arc            Azure Arc: the VM's own identity, or its only one; midas up needs
                 --arc-tokens
  servicefabric  Service Fabric, over https
  imds           a VM, for SDKs that let its address be another: Node, Python, Java; Go
                 and .NET do not, and need midas vm run
`

func bindSource(cmd *cobra.Command, m *Machine) {
	cmd.Flags().StringVar(&m.source, "source", "", "with --vm, the dialect that SDKs are to speak: "+strings.Join(sourceNames(), ", ")+" (default "+defaultSource+")")
	_ = cmd.RegisterFlagCompletionFunc("source", cobra.FixedCompletions(sourceNames(), cobra.ShellCompDirectiveNoFileComp))
}

// checkSource refuses a dialect that there is not, or one where it means nothing.
func (m Machine) checkSource(az bool) error {
	if _, known := identitySources[m.source]; m.source != "" && (!known || m.Name == "" || az) {
		return usage.Errorf("--source %q is not a dialect of the metadata endpoint", m.source).
			WithHint("with --vm and without --az, one of: %s", strings.Join(sourceNames(), ", "))
	}
	return nil
}

// secretPath is the folder below which a machine's secret may stand in the path of the
// metadata endpoint.
const secretPath = "/as/"

// as is the base address at which a caller is taken for the machine.
func (m Machine) as(r statedir.Running) string { return r.Metadata + secretPath + m.secret }

// clientID sets variables to the client id of the machine's only identity: these dialects
// pick no user-assigned one by themselves.
func (m Machine) clientID(names ...string) []variable {
	var vars []variable
	for _, name := range names {
		if m.onlyClientID != "" {
			vars = append(vars, variable{name, m.onlyClientID})
		}
	}
	return vars
}

// identityVariables are what makes SDKs get the machine's tokens in its dialect, and the
// names of those that are set here and would lead them elsewhere.
func (m Machine) identityVariables(ctx context.Context, r statedir.Running) (vars []variable, unset []string, err error) {
	source := m.source
	if source == "" {
		source = defaultSource
	}
	if vars, err = identitySources[source](ctx, m, r); err != nil {
		return nil, nil, err
	}
	for _, name := range append(slices.Clone(elsewhere), "MSAL_MANAGED_IDENTITY_ENDPOINT", "DEFAULT_IDENTITY_CLIENT_ID", "AZURE_CLIENT_ID") {
		_, there := os.LookupEnv(name)
		if there && !strings.HasPrefix(name, "MYSQL_") && !slices.ContainsFunc(vars, func(v variable) bool { return v.name == name }) {
			unset = append(unset, name)
		}
	}
	return vars, unset, nil
}

// thumbprint is the SHA-1 digest of the control address's certificate, by which alone a
// client in Service Fabric's dialect knows it.
func thumbprint(ctx context.Context, r statedir.Running) (string, error) {
	control, err := url.Parse(r.Control)
	if err != nil {
		return "", midas.Errorf(midas.Internal, "control endpoint %q: %w", r.Control, err)
	}
	raw, err := os.ReadFile(r.CA)
	if err != nil {
		return "", midas.Errorf(midas.Unavailable, "certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(raw)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", control.Host)
	if err != nil {
		return "", midas.Errorf(midas.Unavailable, "see the certificate of %s: %w", r.Control, err)
	}
	defer conn.Close()
	return fmt.Sprintf("%X", sha1.Sum(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)), nil
}
