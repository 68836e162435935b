package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// The recorded sessions signed in with the password "tp", so the scramble that the
// real client computed from the real server's nonce is the expected value.
func TestScramblesAsRealClients(t *testing.T) {
	for _, test := range []struct {
		file     string
		scramble func(string, []byte) []byte
	}{
		{"mariadb-10.11-cli.txt", NativeScramble},
		{"mariadb-10.11-prepare.txt", NativeScramble},
		{"mysql-9.7-cli.txt", CachingSHA2Scramble},
		{"mysql-9.7-attributes.txt", CachingSHA2Scramble},
	} {
		session := loadCapture(t, test.file)
		g, err := ParseGreeting(session[0].payload)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseHandshakeResponse(session[1].payload)
		if err != nil {
			t.Fatal(err)
		}
		if got := test.scramble("tp", g.AuthData); !bytes.Equal(got, r.AuthData) {
			t.Errorf("%s: got %x, want %x", test.file, got, r.AuthData)
		}
		if got := test.scramble("tp", append(g.AuthData, 0)); !bytes.Equal(got, r.AuthData) {
			t.Errorf("%s: the NUL behind the nonce was not cut", test.file)
		}
		if got := test.scramble("tq", g.AuthData); bytes.Equal(got, r.AuthData) {
			t.Errorf("%s: another password gives the same scramble", test.file)
		}
		if got := test.scramble("", g.AuthData); got != nil {
			t.Errorf("%s: the empty password gives %x, want nothing", test.file, got)
		}
	}
}

func TestScrambleLeavesItsInput(t *testing.T) {
	nonce := append(make([]byte, 0, 100), "01234567890123456789"...)
	NativeScramble("tp", nonce)
	CachingSHA2Scramble("tp", nonce)
	if string(nonce[:21]) != "01234567890123456789\x00" {
		t.Errorf("nonce and the byte behind it are now %q", nonce[:21])
	}
}

func TestEncryptPassword(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	nonce := []byte("abcdefghijklmnopqrst")
	const password = "a password that is longer than the nonce"
	sealed, err := EncryptPassword(password, append(nonce, 0), &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range plain {
		plain[i] ^= nonce[i%len(nonce)]
	}
	if string(plain) != password+"\x00" {
		t.Errorf("got %q", plain)
	}
	if _, err := EncryptPassword(password, nonce[:19], &key.PublicKey); err == nil {
		t.Error("a nonce of 19 bytes was accepted")
	}
	if _, err := EncryptPassword(string(make([]byte, 300)), nonce, &key.PublicKey); err == nil {
		t.Error("a password too long for the key was accepted")
	}
}

func TestParsePublicKey(t *testing.T) {
	d, err := ParseAuthMoreData(loadCapture(t, "mysql-9.7-cli.txt")[4].payload)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := ParsePublicKey(d.Data); err != nil || key.N.BitLen() != 2048 {
		t.Errorf("the key that MySQL 9.7 sent: %v, %v", key, err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"no PEM":          []byte("hello"),
		"another block":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"broken":          pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der[:10]}),
		"elliptic curves": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	} {
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
