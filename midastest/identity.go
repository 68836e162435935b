package midastest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/seed"
	"github.com/midas-mysql/midas/tokensource"
)

// identity is a user-assigned managed identity, with how the only virtual machine that has
// it asks for tokens.
type identity struct {
	clientID string
	endpoint string // IDENTITY_ENDPOINT
	// secret is IDENTITY_HEADER, a new one each time: one ends a day after it was made.
	secret func() (string, error)
}

// identity makes the identity and its machine when the test first names it.
func (m *Midas) identity(name string) identity {
	m.tb.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if one, ok := m.identities[name]; ok {
		return one
	}
	m.declare(fmt.Sprintf(`
resource-groups: [{name: %[2]s}]
identities: [{name: %[1]q, resource-group: %[2]s}]
vms: [{name: %[1]q, resource-group: %[2]s, identities: [%[1]q]}]
`, name, Group))
	clientID, _, err := m.stack.Workload(context.Background(), Group, name)
	if err != nil {
		m.tb.Fatalf("midastest: identity %s: %v", name, err)
	}
	one := identity{clientID, m.stack.MetadataURL() + "/msi/token", func() (string, error) {
		_, secret, err := m.stack.Workload(context.Background(), Group, name)
		return secret, err
	}}
	m.identities[name] = one
	return one
}

// declare adds to what midas knows.
func (m *Midas) declare(world string) {
	m.tb.Helper()
	w, err := seed.Parse("midastest", []byte(world))
	if err == nil {
		err = m.stack.Declare(context.Background(), w)
	}
	if err != nil {
		m.tb.Fatalf("midastest: %v", err)
	}
}

// ClientID is the client id of the identity of that name, which is made when a test first
// names it, together with a virtual machine that has it.
func (m *Midas) ClientID(name string) string {
	m.tb.Helper()
	return m.identity(name).clientID
}

// Env is what makes a program act as the machine of that identity: variables of App Service
// (IDENTITY_ENDPOINT, IDENTITY_HEADER, AZURE_CLIENT_ID), which every Azure SDK understands,
// and the address of the gateway (MYSQL_HOST, MYSQL_TCP_PORT). Add them to exec.Cmd.Env, or
// set them with testing.T.Setenv.
func (m *Midas) Env(name string) []string {
	m.tb.Helper()
	one := m.identity(name)
	host, port, err := net.SplitHostPort(m.Addr())
	if err != nil {
		m.tb.Fatalf("midastest: address of the gateway: %v", err)
	}
	secret, err := one.secret()
	if err != nil {
		m.tb.Fatalf("midastest: secret of %s: %v", name, err)
	}
	return []string{
		"IDENTITY_ENDPOINT=" + one.endpoint, "IDENTITY_HEADER=" + secret, "AZURE_CLIENT_ID=" + one.clientID,
		"MYSQL_HOST=" + host, "MYSQL_TCP_PORT=" + port,
	}
}

// Token is an access token for MySQL, from the metadata endpoint.
func (m *Midas) Token(name string) string {
	m.tb.Helper()
	t, err := m.identity(name).GetToken(context.Background(), policy.TokenRequestOptions{})
	if err != nil {
		m.tb.Fatalf("midastest: token of %s: %v", name, err)
	}
	return t.Token
}

// Open returns a pool whose connections sign in as the user of that name, each with a token
// that has not expired. It is closed when the test ends.
func (m *Midas) Open(user string) *sql.DB {
	m.tb.Helper()
	tokens, err := tokensource.New(tokensource.Config{Credential: m.identity(user), Now: m.clock.now})
	if err != nil {
		m.tb.Fatalf("midastest: tokens of %s: %v", user, err)
	}
	cfg := m.config(user)
	cfg.TLSConfig = m.tlsKey
	c, err := connector.New(cfg, connector.WithTokens(tokens))
	if err != nil {
		m.tb.Fatalf("midastest: connect as %s: %v", user, err)
	}
	db := sql.OpenDB(c)
	m.tb.Cleanup(func() { db.Close() })
	return db
}

// GetToken asks the metadata endpoint, as azidentity's ManagedIdentityCredential does with
// the variables of Env.
// Source: Azure App Service, "REST endpoint reference" of managed identities.
func (i identity) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	query := url.Values{"api-version": {"2019-08-01"}, "resource": {midas.Resource}, "client_id": {i.clientID}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.endpoint+"?"+query.Encode(), nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	secret, err := i.secret()
	if err != nil {
		return azcore.AccessToken{}, err
	}
	request.Header.Set("X-IDENTITY-HEADER", secret)
	transport := &http.Transport{} // without a proxy: the address is this machine's
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer response.Body.Close()
	var answer struct {
		Token   string `json:"access_token"`
		Expires string `json:"expires_on"`
		Message string `json:"message"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer)
	if err != nil || response.StatusCode != http.StatusOK {
		return azcore.AccessToken{}, fmt.Errorf("the metadata endpoint answered %s: %s", response.Status, answer.Message)
	}
	expires, err := strconv.ParseInt(answer.Expires, 10, 64)
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Unix(expires, 0)}, err
}

var authorities atomic.Int64

// trustAuthority makes the gateway's authority known to go-sql-driver/mysql, under a name of
// this midas: tests that run side by side have different ones.
func (m *Midas) trustAuthority() {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(m.stack.Authority())
	m.tlsKey = "midastest-" + strconv.FormatInt(authorities.Add(1), 10)
	err := mysql.RegisterTLSConfig(m.tlsKey, &tls.Config{RootCAs: roots, ServerName: Server, MinVersion: tls.VersionTLS12})
	if err != nil {
		m.tb.Fatalf("midastest: %v", err)
	}
	m.tb.Cleanup(func() { mysql.DeregisterTLSConfig(m.tlsKey) })
}

// quote writes a name as a string of SQL.
func quote(name string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(name) + "'"
}
