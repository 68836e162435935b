package account

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestSecret(t *testing.T) {
	master := bytes.Repeat([]byte{7}, 32)
	d, err := SharedKey(master)
	if err != nil {
		t.Fatal(err)
	}
	const server = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforMySQL/flexibleServers/mydb"
	base := d.Secret(server, "myuser", "%", 1)
	// Fixed values: changing the derivation would lock every account out until it is
	// reasserted, and what a former midas left could not be taken over.
	if want := "tHoB5hb7WTNB-B2TB8mlXZ_HhoJ-vxgFFGg_MT0-aA1"; len(base) != 43 || base != want {
		t.Errorf("Secret = %q, want %q", base, want)
	}
	own := serverKey(t, master, server, 1)
	if got, want := own.Secret(server, "myuser", "%", 1), "XPZ9u2lYlknnkXMc-frd89mOEHVdRLekbw1pfyI-aA1"; got != want {
		t.Errorf("under a server key: Secret = %q, want %q", got, want)
	}
	if got := d.Secret(strings.ToUpper(server), "myuser", "%", 1); got != base {
		t.Error("ARM ids compare without case, secrets must too")
	}
	others := map[string]string{
		"server":     d.Secret(server+"2", "myuser", "%", 1),
		"user":       d.Secret(server, "MyUser", "%", 1),
		"host":       d.Secret(server, "myuser", "localhost", 1),
		"generation": d.Secret(server, "myuser", "%", 2),
		"boundary":   d.Secret(server, "myuser%", "", 1),
		"server key": own.Secret(server, "myuser", "%", 1),
		"version":    serverKey(t, master, server, 2).Secret(server, "myuser", "%", 1),
		"its server": serverKey(t, master, server+"2", 1).Secret(server, "myuser", "%", 1),
		"master":     serverKey(t, bytes.Repeat([]byte{8}, 32), server, 1).Secret(server, "myuser", "%", 1),
	}
	seen := map[string]string{base: "base"}
	for what, secret := range others {
		if other, dup := seen[secret]; dup {
			t.Errorf("%s gives the secret of %s", what, other)
		}
		seen[secret] = what
		if strings.ContainsAny(secret, "'\"`\\ \x00") {
			t.Errorf("%s needs quoting", secret)
		}
	}
}

func TestServerKeyIsNotPrinted(t *testing.T) {
	d := ServerKey{1, "0123456789abcdef0123456789abcdef"}
	for _, text := range []string{fmt.Sprint(d), fmt.Sprintf("%v %+v %#v %s", d, d, d, d)} {
		if strings.Contains(text, "0123") || strings.Contains(text, "48 49") {
			t.Errorf("the key is printed: %s", text)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a short key gave a secret")
		}
	}()
	ServerKey{1, d.root[:31]}.Secret("s", "u", "h", 1)
}

func TestServerKey(t *testing.T) {
	master := bytes.Repeat([]byte{7}, 32)
	key := serverKey(t, master, "0b1c", 3)
	if key != serverKey(t, master, "0B1C", 3) || key.Version() != 3 {
		t.Error("the case of the id makes a difference")
	}
	if text := key.Text(); text != fmt.Sprintf("%s:3:%x", serverKeyPrefix, key.root) {
		t.Error("the text is another")
	}
	for what, derive := range map[string]func() (ServerKey, error){
		"a short master key": func() (ServerKey, error) { return DeriveServerKey(master[:31], "s", 1) },
		"a short shared key": func() (ServerKey, error) { return SharedKey(master[:31]) },
		"no server":          func() (ServerKey, error) { return DeriveServerKey(master, "", 1) },
		"no version":         func() (ServerKey, error) { return DeriveServerKey(master, "s", 0) },
	} {
		if _, err := derive(); midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Servers repeat a statement that they cannot read, cut after 80 characters.
func TestErrorsHoldNoSecret(t *testing.T) {
	secret := ServerKey{1, strings.Repeat("7", 32)}.Secret("s", "u", "h", 1)
	for _, text := range []string{
		"syntax error near 'BY '" + secret + "' PASSWORD'", "near '" + secret[:20] + "'", "near '" + secret[:8], secret, "x" + secret + secret,
	} {
		err := unavailableBut(secret, "create account", errors.New(text))
		if midas.CodeOf(err) != midas.Unavailable || !strings.HasPrefix(err.Error(), "create account: ") {
			t.Errorf("%v", err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), secret[:8]) {
				t.Errorf("%q shows the secret", e)
			}
		}
	}
	other := errors.New("connection refused")
	if err := unavailableBut(secret, "create account", other); !errors.Is(err, other) {
		t.Errorf("%v lost its cause", err)
	}
	if err := unavailableBut(secret, "create account", nil); err != nil {
		t.Error(err)
	}
}

// The known answer is that of MySQL's PASSWORD('y').
func TestNativeHash(t *testing.T) {
	if got := nativeHash("y"); got != "*7446F64EFCFB1294A6DE20CAE7E49C2377A9AA25" {
		t.Errorf("nativeHash = %s", got)
	}
}
