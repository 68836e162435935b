package azcli

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/internal/statedir"
	"github.com/midas-mysql/midas/internal/usage"
)

// loginFlags are az's, and where to sign in.
type loginFlags struct {
	control, authority       string
	tenant                   string
	principal                bool
	identity                 bool
	username, password       string
	certificate              string
	federatedToken, fileName string
	deviceCode               bool
	noSubscriptions          bool
	passwordFile             string
}

func (c *CLI) newLoginCommand() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to a control endpoint as someone other than the local operator",
		Long: `Sign the command line in: as an application with a secret, a certificate or a token of an
outside issuer; as a managed identity of the machine that this runs on; or as a person,
with a password or, on another device, with a code.

The following commands speak to that control endpoint as that principal, until midas
logout. What proves it is kept in the state directory, for you alone.`,
		Example: `  midas login --service-principal --username CLIENT_ID --password-file secret --control https://midas.example:7443 --ca ca.pem
  midas login --service-principal --username CLIENT_ID --certificate app.pem
  midas login --service-principal --username CLIENT_ID --federated-token-file /var/run/secrets/token
  midas login --identity
  midas login --use-device-code`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.login(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.control, "control", "", "control endpoint (default that of the midas that runs with this state)")
	flags.StringVar(&f.authority, "ca", "", "certificate authority of the control endpoint, PEM (default the system's)")
	flags.StringVarP(&f.tenant, "tenant", "t", "", "tenant id (default the control endpoint's own)")
	flags.BoolVar(&f.principal, "service-principal", false, "sign in as an application")
	flags.BoolVarP(&f.identity, "identity", "i", false, "sign in as the managed identity of this machine")
	flags.StringVarP(&f.username, "username", "u", "", "client id of the application, user name of the person, or which managed identity")
	flags.StringVarP(&f.password, "password", "p", "", "secret or password; other users of the machine see it while the command runs")
	flags.StringVar(&f.passwordFile, "password-file", "", "file that holds the secret or password and that you alone may read")
	flags.StringVar(&f.certificate, "certificate", "", "PEM file with the application's certificate and its key")
	flags.StringVar(&f.federatedToken, "federated-token", "", "token of an outside issuer")
	flags.StringVar(&f.fileName, "federated-token-file", "", "file that always holds a fresh token of an outside issuer")
	flags.BoolVar(&f.deviceCode, "use-device-code", false, "show a code to enter in a browser, also on another device")
	flags.BoolVar(&f.noSubscriptions, "allow-no-subscriptions", false, "sign in even if no subscription is visible")
	return cmd
}

// login signs in, and keeps how only when it has worked.
func (c *CLI) login(ctx context.Context, f loginFlags) error {
	l, err := c.newLogin(ctx, &f)
	if err != nil {
		return err
	}
	cfg := armclient.Config{Trace: c.Trace, Control: l.Control, CA: l.CA, Login: l, State: c.StateDir, Operator: statedir.Operator{TenantID: l.TenantID, ClientID: l.ClientID}}
	if l.Kind == armclient.LoginPerson {
		person := armclient.Person{Show: c.Err}
		if !f.deviceCode {
			person.UserName, person.Password = f.username, f.password
		}
		if err := armclient.SignPersonIn(ctx, cfg, person); err != nil {
			return err
		}
	}
	a, err := armclient.New(cfg)
	if err != nil {
		return err
	}
	all, err := a.List(ctx, "/subscriptions?api-version=2022-12-01")
	if err != nil {
		return err
	}
	if len(all) == 0 && !f.noSubscriptions {
		return midas.Errorf(midas.Forbidden, "%s may see no subscription", l.Name).
			WithHint("give it a role: midas role assignment create --assignee %s --role Reader; or sign in with --allow-no-subscriptions", l.Assignee())
	}
	if len(all) > 0 {
		l.SubscriptionID = armclient.Text(all[0], "subscriptionId")
	}
	if err := armclient.WriteLogin(c.StateDir, l); err != nil {
		return err
	}
	return c.Print([]any{accountShape(l, all)})
}

// newLogin reads the flags.
func (c *CLI) newLogin(ctx context.Context, f *loginFlags) (*armclient.Login, error) {
	l := &armclient.Login{ClientID: f.username, Name: f.username}
	var err error
	if f.password, err = f.secret(); err != nil {
		return nil, err
	}
	proofs := 0
	for _, given := range []bool{f.password != "", f.certificate != "", f.federatedToken != "", f.fileName != ""} {
		if given {
			proofs++
		}
	}
	switch {
	case f.principal && f.identity, f.identity && proofs > 0, !f.principal && (f.certificate != "" || f.federatedToken != "" || f.fileName != ""):
		return nil, usage.Errorf("these flags do not go together").WithHint("see: midas login --help")
	case f.identity:
		l.Kind, l.Identity, l.ClientID = armclient.LoginIdentity, f.username, ""
		l.Name = "systemAssignedIdentity"
		if f.username != "" {
			l.Name = "userAssignedIdentity"
		}
	case f.principal:
		if f.username == "" || proofs != 1 {
			return nil, usage.Errorf("--service-principal needs --username CLIENT_ID and one of --password, --password-file, --certificate, --federated-token and --federated-token-file")
		}
		if err := asApplication(l, *f); err != nil {
			return nil, err
		}
	case f.username != "" && f.password == "" && !f.deviceCode:
		return nil, usage.Errorf("--username needs --password or --password-file").WithHint("or sign in with a browser: midas login --use-device-code")
	default:
		l.Kind, l.ClientID = armclient.LoginPerson, armclient.PersonClientID
	}
	return l, c.locate(ctx, l, *f)
}

func (f *loginFlags) secret() (string, error) {
	if f.passwordFile == "" {
		return f.password, nil
	}
	if f.password != "" {
		return "", usage.Errorf("--password and --password-file are two passwords")
	}
	text, err := keyfile.Read(f.passwordFile)
	if err != nil {
		return "", midas.Errorf(midas.Invalid, "read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// asApplication notes how the application proves itself. Files are named by where they
// are, for later commands run elsewhere.
func asApplication(l *armclient.Login, f loginFlags) (err error) {
	switch {
	case f.password != "":
		// az takes the path of a certificate in the password's place.
		if info, statErr := os.Stat(f.password); statErr == nil && info.Mode().IsRegular() {
			l.Kind = armclient.LoginCertificate
			l.Certificate, err = filepath.Abs(f.password)
			return err
		}
		l.Kind, l.Secret = armclient.LoginSecret, f.password
	case f.certificate != "":
		l.Kind = armclient.LoginCertificate
		l.Certificate, err = filepath.Abs(f.certificate)
	case f.federatedToken != "":
		l.Kind, l.FederatedToken = armclient.LoginFederated, strings.TrimSpace(f.federatedToken)
	default:
		l.Kind = armclient.LoginFederated
		l.FederatedFile, err = filepath.Abs(f.fileName)
	}
	return err
}

// locate finds the control endpoint and its tenant. The authority is copied: the file may
// be gone later.
func (c *CLI) locate(ctx context.Context, l *armclient.Login, f loginFlags) error {
	running, err := statedir.ReadRunning(c.StateDir)
	if err == nil {
		l.Control, l.CA = running.Control, running.CA
	}
	if f.control != "" {
		control := f.control
		if !strings.Contains(control, "://") {
			control = "https://" + control
		}
		if strings.TrimRight(control, "/") != strings.TrimRight(l.Control, "/") {
			l.CA = ""
		}
		l.Control = strings.TrimRight(control, "/")
	} else if err != nil {
		return usage.Errorf("which control endpoint to sign in to? None runs with state %s", c.StateDir).WithHint("name it with --control https://HOST:PORT, and its authority with --ca")
	}
	if f.authority != "" {
		raw, err := os.ReadFile(f.authority)
		if err != nil {
			return midas.Errorf(midas.Invalid, "read --ca: %w", err)
		}
		if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
			return midas.Errorf(midas.Internal, "make the state directory: %w", err)
		}
		l.CA = armclient.AuthorityPath(c.StateDir)
		if err := keyfile.Replace(l.CA, raw, 0o600); err != nil {
			return midas.Errorf(midas.Internal, "keep the authority: %w", err)
		}
	}
	if l.TenantID = f.tenant; l.TenantID == "" {
		l.TenantID, err = armclient.FindTenant(ctx, l)
		return err
	}
	return nil
}
