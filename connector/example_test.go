package connector_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/connector"
)

// On a virtual machine of Azure, with the client id of one of its identities.
func ExampleNew() {
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID("11111111-2222-3333-4444-555555555555"),
	})
	if err != nil {
		log.Fatal(err)
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", "mydb.mysql.database.azure.com:3306", "myuser"
	c, err := connector.New(cfg, connector.WithCredential(credential))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(c) // asks for nothing yet; each new connection gets a fresh token
	defer db.Close()

	var version string
	if err := db.QueryRowContext(context.Background(), "SELECT VERSION()").Scan(&version); err != nil {
		log.Fatal(err)
	}
	fmt.Println("MySQL version:", version)
}

// Where the environment says who the workload is: App Service, `midas env --vm`, `midas
// vm run`, or a pod with workload identity.
func ExampleNew_environment() {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", "mydb.mysql.database.azure.com:3306", "myuser"
	c, err := connector.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
}
