package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/armtest"
	"github.com/midas-mysql/midas/internal/statedir"
)

// plane is identityPlane with its directory open a second time, to put into it what the
// command line does not.
func plane(t *testing.T) (state string, d *directory.Directory) {
	t.Helper()
	state = armtest.Plane(t)
	d, err := directory.Open(t.Context(), directory.Config{Path: filepath.Join(state, "directory.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return state, d
}

// daemon makes an application that owns the subscription.
func daemon(t *testing.T, d *directory.Directory) (clientID, objectID string) {
	t.Helper()
	p, _, err := d.CreateApplication(t.Context(), "daemon")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AssignOwner(t.Context(), p.ObjectID); err != nil {
		t.Fatal(err)
	}
	a, err := d.ApplicationByClientID(t.Context(), p.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	return p.ClientID, a.ObjectID
}

// loggedIn checks that the login works and as whom.
func loggedIn(t *testing.T, state, name string, args ...string) {
	t.Helper()
	if code, stdout, stderr := ran(t, state, append([]string{"login"}, args...)...); code != 0 || !strings.Contains(stdout, name) {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := ran(t, state, "account", "show", "--query", "user.name", "-o", "tsv"); code != 0 || strings.TrimSpace(stdout) != name {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	info, err := os.Stat(filepath.Join(state, "login.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestLoginWithACertificate(t *testing.T) {
	state, d := plane(t)
	clientID, objectID := daemon(t, d)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daemon"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetCertificates(t.Context(), objectID, []directory.Certificate{{DER: der}}); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	loggedIn(t, state, clientID, "--service-principal", "-u", clientID, "--certificate", file)
	loggedIn(t, state, clientID, "--service-principal", "-u", clientID, "-p", file) // az's way
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := ran(t, state, "group", "list"); code == 0 || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("a key that others may read: exit code %d, %s", code, stderr)
	}
}

func TestLoginWithAFederatedToken(t *testing.T) {
	state, d := plane(t)
	clientID, objectID := daemon(t, d)
	code, token, stderr := ran(t, state, "token", "--resource", "api://AzureADTokenExchange")
	if code != 0 {
		t.Fatal(stderr)
	}
	claims, err := claimsOf(strings.TrimSpace(token))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.CreateApplicationFederation(t.Context(), nil, objectID, directory.FederatedCredential{FederatedCredential: midas.FederatedCredential{
		Name: "own", Issuer: claims["iss"].(string), Subject: claims["sub"].(string), Audiences: []string{"api://AzureADTokenExchange"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	loggedIn(t, state, clientID, "--service-principal", "-u", clientID, "--federated-token-file", file)
	loggedIn(t, state, clientID, "--service-principal", "-u", clientID, "--federated-token", strings.TrimSpace(token))
	if code, _, stderr := ran(t, state, "login", "--service-principal", "-u", clientID, "--federated-token", "eyJ.eyJ.x"); code == 0 || !strings.Contains(stderr, "AADSTS50027") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// typist waits for a text on standard error.
type typist struct {
	mu   sync.Mutex
	text bytes.Buffer
	want *regexp.Regexp
	got  chan []string
}

func (w *typist) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if found := w.want.FindStringSubmatch(w.text.String()); found != nil && w.got != nil {
		w.got <- found
		w.got = nil
	}
	return len(p), nil
}

func TestLoginWithADeviceCode(t *testing.T) {
	state, d := plane(t)
	upn, name, password := "ada@example.com", "Ada", "correct horse 42"
	u, err := d.CreateUser(t.Context(), nil, directory.UserChange{UPN: &upn, DisplayName: &name, MailNickname: &name, Password: &password})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AssignOwner(t.Context(), u.ObjectID); err != nil {
		t.Fatal(err)
	}
	got := make(chan []string, 1)
	stderr := &typist{want: regexp.MustCompile(`(https://\S+) and enter the code (\w+)`), got: got}
	var stdout bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- program{[]string{"--state", state, "login", "--use-device-code"}, strings.NewReader(""), &stdout, stderr}.Run(context.Background())
	}()
	var shown []string
	select {
	case shown = <-got:
	case exit := <-code:
		t.Fatalf("exit code %d: %s", exit, &stderr.text)
	}
	authority, err := os.ReadFile(statedir.CAPath(state))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	browser := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	res, err := browser.PostForm(shown[1], url.Values{"code": {shown[2]}, "upn": {upn}, "password": {password}})
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	if exit := <-code; exit != 0 || !strings.Contains(stdout.String(), upn) {
		t.Fatalf("exit code %d: %s%s", exit, &stdout, &stderr.text)
	}
	if code, stdout, stderr := ran(t, state, "token", "--decode", "--query", "upn", "-o", "tsv"); code != 0 || strings.TrimSpace(stdout) != upn {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	info, err := os.Stat(filepath.Join(state, "login-tokens.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if code, _, stderr := ran(t, state, "logout"); code != 0 || stderr != "" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(state, "login-tokens.json")); !os.IsNotExist(err) {
		t.Errorf("the refresh token is still there: %v", err)
	}
}
