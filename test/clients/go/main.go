// Command go is an ordinary Azure program: azidentity's managed identity credential,
// go-sql-driver/mysql, nothing of midas. The test suite runs it in the environment
// that `midas env --vm` prints, to show that unmodified programs work.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-sql-driver/mysql"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, query string) error {
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID(os.Getenv("AZURE_CLIENT_ID")),
	})
	if err != nil {
		return err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{
		Scopes: []string{"https://ossrdbms-aad.database.windows.net/.default"},
	})
	if err != nil {
		return err
	}

	config := mysql.NewConfig()
	config.Net = "tcp"
	config.Addr = net.JoinHostPort(os.Getenv("MYSQL_HOST"), os.Getenv("MYSQL_TCP_PORT"))
	config.User = os.Getenv("MYSQL_USER")
	config.DBName = os.Getenv("MYSQL_DATABASE")
	config.Passwd = token.Token
	config.TLSConfig = "true"
	config.AllowCleartextPasswords = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	var user, answer string
	if err := db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&user); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, query).Scan(&answer); err != nil {
		return err
	}
	fmt.Printf("%s\t%s\n", user, answer)
	return nil
}
