package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/output"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/workload"
)

// connection is what `midas connect` is asked for.
type connection struct {
	host, port, user, database, statement string
	clientID                              string
	managedIdentity                       bool
	tokenHost                             string // that may have a token of this machine, beside Azure's
	formatted                             bool   // rows as --output and --query say
}

// suffix is the server that the user name ends with, as the gateway takes it: user@server.
func (c connection) suffix() string {
	if at := strings.LastIndexByte(c.user, '@'); at >= 0 {
		return c.user[at+1:]
	}
	return ""
}

// choose returns the server that is named by the host, else by the user name, else the only one.
func (c connection) choose(servers []workload.Server) *workload.Server {
	for _, name := range []string{c.host, c.suffix()} {
		if i := slices.IndexFunc(servers, func(s workload.Server) bool { return name != "" && s.Called(name) }); i >= 0 {
			return &servers[i]
		}
	}
	if len(servers) == 1 {
		return &servers[0]
	}
	return nil
}

func (c *cli) newConnectCommand() *cobra.Command {
	var want connection
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Connect to MySQL with a token, and run a statement",
		Long: `Connect to MySQL with an access token for the current identity (see "midas token") and say
what answers, or run statements and print the rows, tab-separated; with --output or
--query as a list of objects, a list of these for several results. The connection is TLS
with a verified certificate, or none.

Without --host it connects to the gateway of the running midas; the operator connects
as the server's administrator unless --user says otherwise. With --host and --user no
midas need run here: the token is that of whom midas login has signed in, or with
--managed-identity that of this machine, a virtual machine of Azure for one. Such a token
goes to the names of Azure Database for MySQL, and to what --token-host names.`,
		Example: `  midas connect
  midas connect -e 'SELECT CURRENT_USER()'
  midas connect -e 'SHOW DATABASES' --output table
  midas connect -e "CREATE AADUSER 'myuser' IDENTIFIED BY '$CLIENT_ID'"
  midas vm run myVM -- midas connect -h mydb.mysql.database.azure.com -u myuser
  midas vm run myVM -- midas connect --managed-identity -h mydb.mysql.database.azure.com -u myuser`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want.formatted = c.formatted(cmd)
			return c.connect(cmd.Context(), want)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&want.host, "host", "h", "", "server (default $MYSQL_HOST, else the gateway here)")
	flags.StringVarP(&want.port, "port", "P", "", "port (default $MYSQL_TCP_PORT, else 3306, or the gateway's)")
	flags.StringVarP(&want.user, "user", "u", "", "MySQL user name")
	flags.StringVarP(&want.database, "database", "D", "", "database to use")
	flags.StringVarP(&want.statement, "execute", "e", "", "run these statements and print the rows")
	flags.StringVar(&want.clientID, "client-id", "", "which user-assigned identity of the workload")
	flags.BoolVar(&want.managedIdentity, "managed-identity", false, "sign in as this machine's managed identity, even where midas login has signed somebody in")
	flags.StringVar(&want.tokenHost, "token-host", "", "host that may receive this machine's token, besides the names of Azure Database for MySQL")
	flags.Bool("help", false, "help for connect") // -h is the host, as in mysql
	return cmd
}

func (c *cli) connect(ctx context.Context, want connection) error {
	credential, workload, err := c.credentialFor(want)
	if err != nil {
		return err
	}
	cfg, err := c.connectConfig(ctx, want, workload)
	if err != nil {
		return err
	}
	if want.statement == "" {
		credential = announcing{credential, c.Err}
	}
	conn, err := connector.New(cfg, connector.WithCredential(credential))
	if err != nil {
		return err
	}
	db := sql.OpenDB(conn)
	defer db.Close()
	if want.statement != "" {
		return c.Rows(ctx, db, want.statement, want.formatted)
	}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return output.StatementError(err)
	}
	fmt.Fprintf(c.Out, "Connected!\n\nMySQL version: %s\n", output.Printable(version))
	return nil
}

// credentialFor returns the credential to sign in with, and whether it is a workload's or machine's.
func (c *cli) credentialFor(want connection) (_ azcore.TokenCredential, workload bool, err error) {
	switch {
	case !want.managedIdentity && want.tokenHost != "":
		return nil, false, usage.Errorf("--token-host is for --managed-identity")
	case !want.managedIdentity:
		return c.Credential(want.clientID)
	case want.host == "":
		return nil, false, usage.Errorf("missing --host/-h").WithHint("say which server is to have the token of this machine")
	case !connector.AzureHost(want.host) && !strings.EqualFold(want.host, want.tokenHost):
		return nil, false, usage.Errorf("%s is no name of Azure Database for MySQL, and would be sent a token of this machine's managed identity", want.host).
			WithHint("if it is to have one: --token-host %s", want.host)
	}
	credential, err := armclient.ManagedIdentity(want.clientID)
	return credential, true, err
}

// connectConfig decides where to connect, and as which user.
func (c *cli) connectConfig(ctx context.Context, want connection, workload bool) (*mysql.Config, error) {
	if want.host == "" {
		want.host = os.Getenv("MYSQL_HOST")
	}
	if want.port == "" {
		want.port = os.Getenv("MYSQL_TCP_PORT")
	}
	var address string
	if workload {
		if want.user == "" {
			return nil, usage.Errorf("missing --user/-u").WithHint("it is the name that CREATE AADUSER was given for this identity")
		}
	} else if err := c.completeAsOperator(ctx, &want, &address); err != nil {
		return nil, err
	}
	if address == "" {
		address = c.addressOf(want)
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", address, want.user, want.database
	cfg.Timeout = 10 * time.Second
	cfg.Logger = &mysql.NopLogger{} // the error that is returned says as much
	cfg.MultiStatements = true
	cfg.TLS = &tls.Config{RootCAs: roots, ServerName: want.host, MinVersion: tls.VersionTLS12}
	return cfg, nil
}

// addressOf is where a name leads to without asking the control endpoint.
func (c *cli) addressOf(want connection) string {
	if want.host == "" && os.Getenv("MIDAS_VM") == "" {
		if running, err := statedir.ReadRunning(c.StateDir); err == nil {
			return running.MySQLOf(want.suffix())
		}
	}
	host, port := want.host, want.port
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	return net.JoinHostPort(host, port)
}

// completeAsOperator knows what only the control endpoint tells: that a server's name
// is at the gateway here, and who its administrator is.
func (c *cli) completeAsOperator(ctx context.Context, want *connection, address *string) error {
	elsewhere, err := c.Elsewhere()
	switch {
	case err != nil:
		return err
	case elsewhere && want.host == "":
		return usage.Errorf("missing --host/-h: the command line is signed in to a midas that does not run with this state").
			WithHint("name the gateway, and its port with -P")
	case elsewhere && want.user != "":
		return nil
	}
	running, err := statedir.ReadRunning(c.StateDir)
	if err != nil && !elsewhere {
		return armclient.NotRunning(err)
	}
	a, err := c.Client()
	if err != nil {
		return err
	}
	servers, err := workload.ListServers(ctx, a)
	if err != nil {
		return err
	}
	chosen := want.choose(servers)
	switch {
	case elsewhere: // at the host
	case chosen != nil && (want.host == "" || chosen.Called(want.host)):
		*address = running.MySQLOf(chosen.Name)
	case want.host == "":
		*address = running.MySQL
	}
	if want.user != "" {
		return nil
	}
	switch {
	case chosen != nil:
	case len(servers) == 0:
		return midas.Errorf(midas.NotFound, "there is no MySQL server yet").
			WithHint("for one: midas mysql flexible-server create --resource-group myResourceGroup --name mydb")
	default:
		return usage.Errorf("there are %d MySQL servers", len(servers)).WithHint("say which with --host, for one -h %s", servers[0].Name)
	}
	r, err := armclient.Servers.ParseID(chosen.ID)
	if err != nil {
		return err
	}
	admin, err := a.Do(ctx, http.MethodGet, armclient.Servers.Path(r, armclient.Administrator...), nil)
	if err != nil {
		return err
	}
	// The suffix tells the gateway which server, whatever name the client dials.
	want.user = armclient.Text(admin, "properties", "login") + "@" + chosen.Name
	return nil
}

// roots are the authorities that the system trusts and, where there is one, ours.
func (c *cli) roots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	files := []string{statedir.CAPath(c.StateDir)}
	if signedIn, err := c.SignedIn(); err == nil && signedIn.CA != "" {
		files = append(files, signedIn.CA)
	}
	for _, file := range files {
		authority, err := os.ReadFile(file)
		if err == nil && !roots.AppendCertsFromPEM(authority) {
			return nil, midas.Errorf(midas.Invalid, "certificate authority %s: no PEM certificate", file)
		}
	}
	return roots, nil
}

// announcing tells people what is being done with a credential.
type announcing struct {
	azcore.TokenCredential
	to io.Writer
}

func (a announcing) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	fmt.Fprintln(a.to, "Getting access token...")
	t, err := a.TokenCredential.GetToken(ctx, options)
	if err == nil {
		fmt.Fprintln(a.to, "Opening connection using access token...")
	}
	return t, err
}
