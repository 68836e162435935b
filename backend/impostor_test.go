//go:build linux

package backend_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/wire"
)

// impostor listens where a database did, greets like one, and asks for its passwords.
type impostor struct {
	trick    string // clear, native, rsa
	tls      *tls.Config
	key      *rsa.PrivateKey
	listener net.Listener

	mu    sync.Mutex
	heard []string // what it got after its greeting, in words
}

const nobody = 54321 // who has no processes

// impostorAt takes an address as another user. Root can have a thread that is another user;
// others make midas take their own processes for another's.
func impostorAt(t *testing.T, user uintptr, network, address, trick string, withTLS bool) *impostor {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{trick: trick, key: key}
	if withTLS {
		i.tls = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	}
	if os.Geteuid() != 0 {
		t.Cleanup(backend.ServedBy(nobody))
	}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with what it became
		if os.Geteuid() == 0 {
			if _, _, no := syscall.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), user, ^uintptr(0)); no != 0 {
				ready <- no
				return
			}
		}
		var err error
		i.listener, err = net.Listen(network, address)
		ready <- err
		if err == nil {
			i.serve()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.listener.Close() })
	return i
}

func (i *impostor) serve() {
	for {
		conn, err := i.listener.Accept() // by this thread, as its user
		if err != nil {
			return
		}
		go i.trap(conn)
	}
}

func (i *impostor) say(format string, args ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.heard = append(i.heard, fmt.Sprintf(format, args...))
}

// all is what it heard so far.
func (i *impostor) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.heard...)
}

// trap is one conversation: whatever arrives after the greeting is kept, and what the
// trick asks for is asked.
func (i *impostor) trap(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	nonce := bytes.Repeat([]byte("n"), wire.NonceSize)
	capabilities := wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth | wire.ClientConnectWithDB
	if i.tls != nil {
		capabilities |= wire.ClientSSL
	}
	greeting := wire.Greeting{Version: "8.4.0", ConnectionID: 7, AuthData: nonce, Capabilities: capabilities, Plugin: wire.PluginCachingSHA2}
	if _, err := conn.Write(wire.AppendPacket(nil, 0, greeting.Append(nil))); err != nil {
		return
	}
	payload, seq, err := wire.ReadPacket(conn, nil, 1<<20)
	if err == nil && i.tls != nil && wire.IsSSLRequest(payload) {
		secured := tls.Server(conn, i.tls)
		if err = secured.Handshake(); err == nil {
			conn = secured
			payload, seq, err = wire.ReadPacket(conn, nil, 1<<20)
		}
	}
	if err != nil {
		return
	}
	i.say("sign-in %x", payload)
	ask := wire.AuthSwitchRequest{Plugin: map[string]string{
		"clear": wire.PluginClear, "native": wire.PluginNative, "old": wire.PluginOld, "sha256": "sha256_password", "rsa": wire.PluginCachingSHA2,
	}[i.trick], Data: append(nonce, 0)}
	for n := 0; n < 3; n++ {
		next := ask.Append(nil)
		if n > 0 && i.trick == "rsa" {
			next = wire.AuthMoreData{Data: []byte{wire.CachingSHA2FullAuth}}.Append(nil)
		}
		if bytes.Equal(payload, []byte{wire.CachingSHA2RequestPublicKey}) || bytes.Equal(payload, []byte{1}) {
			der, _ := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
			next = wire.AuthMoreData{Data: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}.Append(nil)
		}
		if _, err := conn.Write(wire.AppendPacket(nil, seq+1, next)); err != nil {
			return
		}
		if payload, seq, err = wire.ReadPacket(conn, nil, 1<<20); err != nil {
			return
		}
		i.say("answer %q", payload)
		if plain, err := rsa.DecryptOAEP(sha1.New(), nil, i.key, payload, nil); err == nil {
			for at := range plain {
				plain[at] ^= nonce[at%len(nonce)]
			}
			i.say("password %q", plain)
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
