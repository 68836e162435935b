package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

func passwordFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPasswordOffTheCommandLine: every user of a machine sees what is on a command line.
func TestPasswordOffTheCommandLine(t *testing.T) {
	s := mysqltest.MariaDB(t)
	state := t.TempDir()
	with := func(want int, says string, args ...string) {
		t.Helper()
		code, stdout, stderr := ran(t, state, append([]string{"demo", "--backend"}, args...)...)
		if code != want || !strings.Contains(stdout+stderr, says) || strings.Contains(stdout+stderr, s.Password) {
			t.Errorf("%q: exit code %d, not %d with %q:\n%s%s", args, code, want, says, stdout, stderr)
		}
	}
	server, file := "mysql://"+s.User+"@"+s.Addr, passwordFile(t, s.Password+"\n")
	with(exitOK, "Connected!", server, "--backend-password-file", file)
	with(exitFailed, "refuses user", server)
	with(exitFailed, "given twice", s.URL, "--backend-password-file", file)
	with(exitUsage, `backend "embedded" takes none`, "embedded", "--backend-password-file", file)
	with(exitUsage, `unknown backend "…@host"`, "postgres://me:hush@host", "--backend-password-file", file)

	t.Setenv(passwordVariable, s.Password)
	with(exitOK, "Connected!", server)
	with(exitFailed, "given twice", s.URL)
	with(exitUsage, "is given twice: in MIDAS_BACKEND_PASSWORD and in --backend-password-file "+file, server, "--backend-password-file", file)
	t.Setenv(passwordVariable, "")
	t.Setenv("MIDAS_BACKEND_PASSWORD_FILE", file)
	with(exitOK, "Connected!", server)
}

func TestPasswordFile(t *testing.T) {
	readable := passwordFile(t, "hush")
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, want, says string }{
		{passwordFile(t, "hush"), "hush", ""},
		{passwordFile(t, " hush hush \r\n"), " hush hush ", ""},
		{passwordFile(t, ""), "", "nothing else, on one line"},
		{passwordFile(t, "\n"), "", "nothing else, on one line"},
		{passwordFile(t, "user=root\npassword=hush\n"), "", "nothing else, on one line"},
		{readable, "", "chmod 600"},
		{filepath.Join(t.TempDir(), "none"), "", "no such file"},
	} {
		got, err := (&backendFlags{passwordFile: test.file}).password()
		if got != test.want || (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%q, %v, want %q or %q", got, err, test.want, test.says)
		}
	}
}
