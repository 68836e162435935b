// Package connector connects database/sql to MySQL with an access token instead of a
// password, for Azure Database for MySQL and for midas alike.
//
//	cfg := mysql.NewConfig()
//	cfg.Net, cfg.Addr, cfg.User = "tcp", "mydb.mysql.database.azure.com:3306", "myuser"
//	c, err := connector.New(cfg, connector.WithCredential(credential))
//	…
//	db := sql.OpenDB(c)
//
// It owns the rules under which a token may travel (TLS, verified, or not at all),
// and puts a fresh token into each new connection. It never opens a connection by
// itself, never keeps a password, and changes nothing else of the driver.
package connector
