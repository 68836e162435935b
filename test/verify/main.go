// Program verify checks a token on its standard input with other people's libraries,
// which find the keys by the issuer's discovery document, and prints the claims that both
// read. It knows nothing of midas, and has a module of its own so that midas links none of
// what it needs.
//
//	verify ISSUER AUDIENCE CA-FILE < token
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func main() {
	if err := verify(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verify(ctx context.Context, issuer, audience, authority string) error {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	first, err := withGoOIDC(ctx, client, issuer, audience, string(raw))
	second, other := withJWX(ctx, client, issuer, audience, raw)
	if err := errors.Join(err, other); err != nil {
		if (first == "") != (second == "") {
			return fmt.Errorf("they do not agree: %w", err)
		}
		return err
	}
	if first != second {
		return fmt.Errorf("go-oidc reads %q and jwx %q", first, second)
	}
	fmt.Println(first)
	return nil
}

func withGoOIDC(ctx context.Context, client *http.Client, issuer, audience, raw string) (string, error) {
	ctx = oidc.ClientContext(ctx, client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return "", fmt.Errorf("go-oidc: %w", err)
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience}).Verify(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("go-oidc: %w", err)
	}
	var claims struct {
		ObjectID string `json:"oid"`
	}
	if err := token.Claims(&claims); err != nil {
		return "", fmt.Errorf("go-oidc: %w", err)
	}
	return claims.ObjectID, nil
}

func withJWX(ctx context.Context, client *http.Client, issuer, audience string, raw []byte) (string, error) {
	response, err := client.Get(strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return "", fmt.Errorf("jwx: %w", err)
	}
	defer response.Body.Close()
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		return "", fmt.Errorf("jwx: %w", err)
	}
	keys, err := jwk.Fetch(ctx, document.KeysURL, jwk.WithHTTPClient(client))
	if err != nil {
		return "", fmt.Errorf("jwx: %w", err)
	}
	token, err := jwt.Parse(raw, jwt.WithKeySet(keys, jws.WithInferAlgorithmFromKey(true)), jwt.WithValidate(true), jwt.WithIssuer(document.Issuer), jwt.WithAudience(audience))
	if err != nil {
		return "", fmt.Errorf("jwx: %w", err)
	}
	var object string
	err = token.Get("oid", &object)
	return object, err
}
