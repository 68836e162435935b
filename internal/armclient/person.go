package armclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/output"
)

// FindTenant asks the control endpoint which tenant it serves.
func FindTenant(ctx context.Context, l *Login) (string, error) {
	wire, err := newTransport(Config{Control: l.Control, CA: l.CA, Login: l})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Control+"/common/.well-known/openid-configuration", nil)
	if err != nil {
		return "", midas.Errorf(midas.Invalid, "control endpoint %q is not a URL", l.Control)
	}
	response, err := wire.Do(req)
	if err != nil {
		return "", wire.explain(ctx, l.Control, err)
	}
	defer response.Body.Close()
	var document struct {
		Issuer string `json:"issuer"`
	}
	if err := decodeAnswer(response, &document); err != nil {
		return "", midas.Errorf(midas.Unavailable, "%s is no control endpoint of midas: %w", l.Control, err)
	}
	parts := strings.Split(strings.Trim(document.Issuer, "/"), "/")
	if response.StatusCode != http.StatusOK || len(parts) < 4 {
		return "", midas.Errorf(midas.Unavailable, "%s is no control endpoint of midas", l.Control).WithHint("name its tenant with --tenant")
	}
	return parts[3], nil
}

// Person is a person who signs in: with a password, or without one in a browser, where they
// enter a code.
type Person struct {
	UserName, Password string
	Show               io.Writer // where the code is shown
}

// SignPersonIn gets a person's first tokens, with which later ones are had.
func SignPersonIn(ctx context.Context, cfg Config, p Person) error {
	wire, err := newTransport(cfg)
	if err != nil {
		return err
	}
	// The tokens of an earlier login.
	if err := os.Remove(filepath.Join(cfg.State, loginCacheFile)); err != nil && !os.IsNotExist(err) {
		return midas.Errorf(midas.Internal, "log out: %w", err)
	}
	if err := os.MkdirAll(cfg.State, 0o700); err != nil {
		return midas.Errorf(midas.Internal, "make the state directory: %w", err)
	}
	client, err := newPersonClient(cfg, wire)
	if err != nil {
		return err
	}
	scopes := []string{Audience + "/.default"}
	var result public.AuthResult
	if p.UserName != "" {
		//lint:ignore SA1019 a script has no browser; the server throttles guesses
		result, err = client.AcquireTokenByUsernamePassword(ctx, scopes, p.UserName, p.Password)
	} else {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
		defer cancel()
		var device public.DeviceCode
		if device, err = client.AcquireTokenByDeviceCode(ctx, scopes); err == nil {
			fmt.Fprintln(p.Show, output.Printable(device.Result.Message))
			result, err = device.AuthenticationResult(ctx)
		}
	}
	if err != nil {
		return wire.explain(ctx, cfg.Control, err)
	}
	cfg.Login.Account, cfg.Login.Name = result.Account.HomeAccountID, result.Account.PreferredUsername
	return nil
}

// decodeAnswer reads a JSON answer.
func decodeAnswer(response *http.Response, into any) error {
	return json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into)
}
