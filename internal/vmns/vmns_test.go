package vmns

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas"
)

func TestHostsFile(t *testing.T) {
	got, err := hostsFile(map[string]string{
		"mydb.mysql.database.azure.com": "127.0.0.1",
		"mydb":                          "127.0.0.1",
	}, []byte("127.0.0.1 localhost\n10.0.0.9 mydb\n"))
	if err != nil {
		t.Fatal(err)
	}
	// The first line that has a name wins, so the machine's own "mydb" is hidden.
	want := "127.0.0.1\tmydb\n127.0.0.1\tmydb.mysql.database.azure.com\n127.0.0.1 localhost\n10.0.0.9 mydb\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestHostsFileRefuses(t *testing.T) {
	for name, own := range map[string]map[string]string{
		"no name":               {"": "127.0.0.1"},
		"a second line":         {"a\n10.0.0.1 bank.example": "127.0.0.1"},
		"a second name":         {"a b": "127.0.0.1"},
		"a comment":             {"a#": "127.0.0.1"},
		"address is a name":     {"a": "localhost"},
		"address with a name":   {"a": "127.0.0.1 b"},
		"address of version 6":  {"a": "::1"},
		"address is not there ": {"a": ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := hostsFile(own, nil); midas.CodeOf(err) != midas.Invalid {
				t.Errorf("got %q, %v; want an error of class %q", got, err, midas.Invalid)
			}
		})
	}
}

func TestPlainGivesShellStatuses(t *testing.T) {
	for name, test := range map[string]struct {
		command []string
		status  int
		fails   bool
	}{
		"exit status":    {[]string{"sh", "-c", "exit 7"}, 7, false},
		"signal":         {[]string{"sh", "-c", "kill -9 $$"}, 137, false},
		"not found":      {[]string{"no-such-command-anywhere"}, exitNotFound, true},
		"not executable": {[]string{"/dev/null"}, exitNotExecutable, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Plain(t.Context(), Config{Command: test.command, Env: []string{"PATH=/usr/bin:/bin"}})
			if got != test.status || (err != nil) != test.fails {
				t.Errorf("status %d, error %v; want status %d, error: %v", got, err, test.status, test.fails)
			}
		})
	}
}
