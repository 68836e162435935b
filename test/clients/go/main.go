// Command go is an ordinary Azure program: a credential of azidentity, go-sql-driver/mysql
// and Azure's clients for Resource Manager, nothing of midas.
//
//	go query SQL   signs in with a token and prints the account and the first value
//	go manage SUB  prints the identities, machines and role assignments that it may see
//
// CREDENTIAL is managed, default or workload; IDENTITY is client:ID, object:ID, resource:ID
// or empty for the one that the credential chooses.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-sql-driver/mysql"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	credential, err := newCredential()
	if err == nil {
		switch os.Args[1] {
		case "query":
			err = query(ctx, credential, os.Args[2])
		case "manage":
			err = manage(ctx, credential, os.Args[2])
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

func newCredential() (azcore.TokenCredential, error) {
	switch os.Getenv("CREDENTIAL") {
	case "default":
		return azidentity.NewDefaultAzureCredential(nil)
	case "workload":
		return azidentity.NewWorkloadIdentityCredential(nil)
	}
	options := &azidentity.ManagedIdentityCredentialOptions{}
	how, name, _ := strings.Cut(os.Getenv("IDENTITY"), ":")
	switch how {
	case "client":
		options.ID = azidentity.ClientID(name)
	case "object":
		options.ID = azidentity.ObjectID(name)
	case "resource":
		options.ID = azidentity.ResourceID(name)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

func query(ctx context.Context, credential azcore.TokenCredential, statement string) error {
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
	if err := db.QueryRowContext(ctx, statement).Scan(&answer); err != nil {
		return err
	}
	fmt.Printf("%s\t%s\n", user, answer)
	return nil
}
