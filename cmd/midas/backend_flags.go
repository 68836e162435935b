package main

import (
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/keyfile"
	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
)

// passwordVariable holds the backend's password. There is no flag of that name: what is
// on a command line is seen by every user of the machine.
const passwordVariable = envPrefix + "BACKEND_PASSWORD"

// backendFlags say which MySQL is behind, and how midas signs in to it.
type backendFlags struct {
	choice       string // --backend
	passwordFile string // --backend-password-file
	max          int    // --max-servers; of midas up alone
}

func (b *backendFlags) addMax(flags *pflag.FlagSet) {
	flags.IntVar(&b.max, "max-servers", stack.DefaultMaxServers, "how many servers may have a database that midas runs itself: each is a process, a data folder and some 60 MB of memory for anyone who may create a server")
}

// most is how many servers may have a database that midas runs.
func (b *backendFlags) most() (int, error) {
	if b.max < 1 {
		return 0, usage.Errorf("--max-servers %d is less than 1", b.max)
	}
	return b.max, nil
}

func (b *backendFlags) add(flags *pflag.FlagSet, choice string) {
	flags.StringVar(&b.choice, "backend", choice, "the MySQL behind each server: auto, embedded, mysqld (a private server each), or, for the first server, unix:/path/to/mysqld.sock (best on this machine), mysql://user@host:port; "+
		"mysql://user:password@… shows the password to all users of this machine, unless it is in $"+envName("backend"))
	flags.StringVar(&b.passwordFile, "backend-password-file", "", "file that holds the password of --backend and that you alone may read; or set $"+passwordVariable)
}

// password is what was given beside --backend, or "".
func (b *backendFlags) password() (string, error) {
	given := os.Getenv(passwordVariable)
	if b.passwordFile == "" {
		return given, nil
	}
	if given != "" {
		return "", usage.Errorf("the backend's password is given twice: in %s and in --backend-password-file %s", passwordVariable, b.passwordFile).
			WithHint("unset one of them")
	}
	return readSecret(b.passwordFile, "the backend's password")
}

// checkBackend refuses words for a backend that name none, before the state is touched.
func checkBackend(cfg stack.Config) error {
	err := cfg.CheckBackend()
	if midas.CodeOf(err) == midas.Invalid {
		return usage.Errorf("%v", err).WithHint("%s", midas.HintOf(err))
	}
	return err
}

// readSecret reads a file that holds what, on one line, and that its owner alone may read.
func readSecret(path, what string) (string, error) {
	text, err := keyfile.Read(path)
	if err != nil {
		return "", midas.Errorf(midas.Invalid, "read %s: %w", what, err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || strings.ContainsAny(line, "\r\n\x00") {
		return "", midas.Errorf(midas.Invalid, "%s should hold %s and nothing else, on one line", path, what)
	}
	return line, nil
}
