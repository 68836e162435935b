//go:build gms_pure_go

package connector_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/internal/exampletest"
	"github.com/midas-mysql/midas/midastest"
)

// On a virtual machine, with the client id of one of its identities.
func ExampleNew() {
	cfg, end := server() // mysql.NewConfig() with Net tcp, Addr mydb.mysql.database.azure.com:3306 and User orders
	defer end()
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID(os.Getenv("AZURE_CLIENT_ID")),
	})
	if err != nil {
		log.Fatal(err)
	}
	c, err := connector.New(cfg, connector.WithCredential(credential))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(c) // no token is requested yet; each new connection gets one that has not expired
	defer db.Close()

	var user string
	if err := db.QueryRowContext(context.Background(), "SELECT CURRENT_USER()").Scan(&user); err != nil {
		log.Panic(err)
	}
	fmt.Println("signed in as", user)
	// Output: signed in as orders@%
}

// Where the environment names the workload: in App Service, under `midas env --vm` or `midas
// vm run`, or in a pod with workload identity.
func ExampleNew_environment() {
	cfg, end := server() // mysql.NewConfig() with Net tcp, Addr mydb.mysql.database.azure.com:3306 and User orders
	defer end()
	c, err := connector.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	fmt.Println("sign-in:", db.PingContext(context.Background()))
	// Output: sign-in: <nil>
}

// server is a midas in place of Azure, with the variables of a virtual machine that has the
// identity orders, and how a user of that name reaches its database.
func server() (*mysql.Config, func()) {
	tb, end := exampletest.New()
	m := midastest.Start(tb)
	m.CreateAADUser("orders")
	for _, variable := range m.Env("orders") {
		name, value, _ := strings.Cut(variable, "=")
		before, was := os.LookupEnv(name)
		os.Setenv(name, value)
		tb.Cleanup(func() {
			if os.Unsetenv(name); was {
				os.Setenv(name, before)
			}
		})
	}
	authority, err := os.ReadFile(m.CA())
	if err != nil {
		log.Panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", m.Addr(), "orders"
	cfg.TLS = &tls.Config{RootCAs: roots, ServerName: midastest.Server}
	return cfg, end
}
