package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/statedir"
)

// The names that the demo gives, those of Azure's page where it has some.
const (
	demoGroup    = "myResourceGroup"
	demoIdentity = "myManagedIdentity"
	demoVM       = "myVM"
	demoServer   = "mydb"
)

// tale is the page "Connect with Managed Identity to Azure Database for MySQL", each
// command through the interface that a person or a program would use. Its fields are
// what one chapter leaves for the next.
type tale struct {
	*demo
	demoNames
	stack         *stack.Stack
	at            statedir.Running
	arm           *armclient.Client
	midasWasThere bool // on the backend, before the demo

	identityID string
	clientID   string
	secret     string // of the virtual machine, for the metadata endpoint
	token      string
	version    string
}

func (t *tale) tell(ctx context.Context) (err error) {
	t.arm, err = armclient.New(armclient.Config{Control: t.at.Control, CA: t.at.CA, Operator: t.stack.Operator()})
	if err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{
		t.createResources, t.assignIdentity, t.createUser, t.getToken, t.connect, t.checkGrants,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tale) createResources(ctx context.Context) error {
	location := map[string]any{"location": "eastus"}
	var identity struct {
		ID         string
		Properties struct{ ClientID string }
	}
	for _, step := range []struct {
		title, path string
		into        any
	}{
		{"az group create --name " + demoGroup, "/resourceGroups/" + demoGroup, nil},
		{"az vm create --name " + demoVM, t.path("Microsoft.Compute/virtualMachines/" + demoVM), nil},
		{"az mysql flexible-server create --name " + demoServer, t.path("Microsoft.DBforMySQL/flexibleServers/" + demoServer), nil},
		{"az identity create --name " + demoIdentity, t.path("Microsoft.ManagedIdentity/userAssignedIdentities/" + demoIdentity), &identity},
	} {
		if err := t.step(step.title, func() (string, error) {
			return "", t.arm.Exchange(ctx, http.MethodPut, step.path, location, step.into)
		}); err != nil {
			return err
		}
	}
	t.identityID, t.clientID = identity.ID, identity.Properties.ClientID
	return nil
}

func (t *tale) assignIdentity(ctx context.Context) error {
	vm := t.path("Microsoft.Compute/virtualMachines/" + demoVM)
	return t.step("az vm identity assign --name "+demoVM+" --identities $RESOURCE_ID", func() (string, error) {
		body := map[string]any{"identity": map[string]any{
			"type": "UserAssigned", "userAssignedIdentities": map[string]any{t.identityID: map[string]any{}},
		}}
		if err := t.arm.Exchange(ctx, http.MethodPatch, vm, body, nil); err != nil {
			return "", err
		}
		var endpoint struct{ IdentityHeader string }
		err := t.arm.Exchange(ctx, http.MethodPost, vm+"/listIdentityEndpoint", nil, &endpoint)
		t.secret = endpoint.IdentityHeader
		return "CLIENT_ID=" + t.clientID, err
	})
}

func (t *tale) path(resource string) string {
	return "/resourceGroups/" + demoGroup + "/providers/" + resource
}

// createUser is the administrator's part, with the administrator's own token.
func (t *tale) createUser(ctx context.Context) error {
	var db *sql.DB
	err := t.step("sign in as the Microsoft Entra administrator", func() (string, error) {
		token, err := armclient.OperatorToken(ctx, t.at.Control, t.at.CA, t.stack.Operator(), midas.Resource)
		if err != nil {
			return "", err
		}
		db, err = t.open(t.admin, token)
		if err != nil {
			return "", err
		}
		db.SetMaxOpenConns(1) // SET and CREATE must go through one connection
		return "", db.PingContext(ctx)
	})
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"SET aad_auth_validate_oids_in_tenant = OFF",
		fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%s'", t.user, t.clientID),
		"CREATE DATABASE " + t.schema,
		"CREATE TABLE " + t.schema + ".greetings (id INT PRIMARY KEY, text VARCHAR(40))",
		"INSERT INTO " + t.schema + ".greetings VALUES (1, 'hello from a table')",
		fmt.Sprintf("GRANT SELECT ON %s.* TO '%s'@'%%'", t.schema, t.user),
	} {
		if err := t.step(statement, func() (string, error) {
			_, err := db.ExecContext(ctx, statement)
			return "", err
		}); err != nil {
			return err
		}
	}
	return nil
}

// getToken is the page's curl line; the secret in the header stands for being on the
// virtual machine, as `midas vm run` and the App Service variables do.
func (t *tale) getToken(ctx context.Context) error {
	return t.step("curl …/metadata/identity/oauth2/token?…&client_id=CLIENT_ID -H Metadata:true", func() (string, error) {
		query := url.Values{"api-version": {"2018-02-01"}, "resource": {midas.Resource}, "client_id": {t.clientID}}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.at.Metadata+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
		if err != nil {
			return "", err
		}
		request.Header.Set("Metadata", "true")
		request.Header.Set("X-IDENTITY-HEADER", t.secret)
		transport := &http.Transport{} // without a proxy: the address is this machine's
		defer transport.CloseIdleConnections()
		response, err := transport.RoundTrip(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var answer map[string]string // as Microsoft's C# sample reads it: every value is a string
		err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer)
		if err != nil || response.StatusCode != http.StatusOK {
			return "", midas.Errorf(midas.Unauthenticated, "the metadata endpoint answered %s: %s", response.Status, answer["error_description"])
		}
		t.token = answer["access_token"]
		return fmt.Sprintf("a token of %d bytes, good for %s s", len(t.token), answer["expires_in"]), nil
	})
}

// connect is the page's C# sample: the token is the password.
func (t *tale) connect(ctx context.Context) error {
	return t.step("mysql -h SERVER --user "+t.user+"@"+demoServer+" --password=$ACCESS_TOKEN", func() (string, error) {
		db, err := t.open(t.user+"@"+demoServer, t.token)
		if err != nil {
			return "", err
		}
		defer db.Close()
		var who, text string
		if err := db.QueryRowContext(ctx, "SELECT VERSION(), CURRENT_USER()").Scan(&t.version, &who); err != nil {
			return "", err
		}
		if err := db.QueryRowContext(ctx, "SELECT text FROM "+t.schema+".greetings WHERE id = 1").Scan(&text); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s reads %q", who, text), nil
	})
}

// checkGrants shows that the identity may do what was granted and no more.
func (t *tale) checkGrants(ctx context.Context) error {
	return t.step("what was not granted is refused", func() (string, error) {
		db, err := t.open(t.user, t.token)
		if err != nil {
			return "", err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, "DELETE FROM "+t.schema+".greetings")
		var refused *mysql.MySQLError
		if !errors.As(err, &refused) {
			return "", midas.Errorf(midas.Internal, "DELETE without a grant was not refused by the server: %v", err)
		}
		return refused.Error(), nil
	})
}

// cleanUp takes away all that the demo made on the backend.
func (t *tale) cleanUp(ctx context.Context) error {
	return t.step("clean up", func() (string, error) {
		behind, err := t.stack.Backend(ctx, demoServer)
		if midas.CodeOf(err) == midas.NotFound {
			return "", nil // it did not come to a server
		}
		if err == nil {
			_, err = behind.DB().ExecContext(ctx, "DROP DATABASE IF EXISTS "+t.schema)
		}
		return "", errors.Join(err, t.stack.Uninstall(ctx, demoServer, !t.midasWasThere))
	})
}

// open prepares connections through the gateway, verifying its certificate.
func (t *tale) open(user, token string) (*sql.DB, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(t.stack.Authority())
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", t.at.MySQL
	config.User, config.Passwd = user, token
	config.Timeout, config.ReadTimeout = 5*time.Second, 20*time.Second
	config.TLS = &tls.Config{RootCAs: roots, ServerName: demoServer, MinVersion: tls.VersionTLS12}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}
