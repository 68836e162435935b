package midas_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
	"github.com/midas-mysql/midas/graph"
	"github.com/midas-mysql/midas/issuer"
	"github.com/midas-mysql/midas/metadata"
	"github.com/midas-mysql/midas/seed"
	"github.com/midas-mysql/midas/token"
	"github.com/midas-mysql/midas/tokensource"
)

// TestNothingGivenIsAnError calls what makes something with nothing at all: that is an error
// which says what is missing, and never a panic or a value that panics later.
func TestNothingGivenIsAnError(t *testing.T) {
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MIDAS_VM", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	ctx := context.Background()
	for name, call := range map[string]func() (any, error){
		"account.New":                 func() (any, error) { return account.New(ctx, account.StoreConfig{}) },
		"arm.New":                     func() (any, error) { return arm.New(arm.Config{}) },
		"connector.New":               func() (any, error) { return connector.New(nil) },
		"connector.New, nil option":   func() (any, error) { return connector.New(nil, nil) },
		"directory.Open":              func() (any, error) { return directory.Open(ctx, directory.Config{}) },
		"gateway.New":                 func() (any, error) { return gateway.New(ctx, gateway.Config{}) },
		"graph.New":                   func() (any, error) { return graph.New(graph.Config{}) },
		"issuer.New":                  func() (any, error) { return issuer.New(issuer.Config{}) },
		"issuer.NewCommandProtector":  func() (any, error) { return issuer.NewCommandProtector(nil) },
		"issuer.NewSecretProtector":   func() (any, error) { return issuer.NewSecretProtector("", nil) },
		"metadata.New":                func() (any, error) { return metadata.New(metadata.Config{}) },
		"seed.Parse":                  func() (any, error) { return seed.Parse("", nil) },
		"token.DecodeKeys":            func() (any, error) { return token.DecodeKeys(nil) },
		"token.NewRemoteKeys":         func() (any, error) { return token.NewRemoteKeys(token.RemoteConfig{}) },
		"token.NewSigner":             func() (any, error) { return token.NewSigner(token.SigningKey{}) },
		"token.NewVerifier":           func() (any, error) { return token.NewVerifier(token.VerifierConfig{}) },
		"token.ParseAssertion":        func() (any, error) { return token.ParseAssertion("") },
		"tokensource.FromEnvironment": func() (any, error) { return tokensource.FromEnvironment("") },
		"tokensource.New":             func() (any, error) { return tokensource.New(tokensource.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("panic: %v", r)
				}
			}()
			if made, err := call(); err == nil || err.Error() == "" {
				t.Errorf("made %T without an error", made)
			} else if text := fmt.Sprint(err, midas.HintOf(err)); len(text) < 10 {
				t.Errorf("says only %q", text)
			}
		})
	}
}
