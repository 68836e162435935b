package backend

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// nobodysKey names, for the driver, an RSA key whose private half nobody has. Without TLS
// the driver encrypts a password under the key that a server shows, any server; with a
// key of its own it asks for none. The server cannot read what it then gets, and refuses.
var nobodysKey = sync.OnceValue(func() string {
	const name = "midas: nobody's key"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	mysql.RegisterServerPubKey(name, &key.PublicKey)
	return name
})
