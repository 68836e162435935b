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
	d := Deriver{Master: bytes.Repeat([]byte{7}, 32)}
	const server = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforMySQL/flexibleServers/mydb"
	base := d.Secret(server, "myuser", "%", 1)
	// A fixed value: changing the derivation would lock every account out until it is
	// reasserted.
	if want := "tHoB5hb7WTNB-B2TB8mlXZ_HhoJ-vxgFFGg_MT0-aA1"; len(base) != 43 || base != want {
		t.Errorf("Secret = %q, want %q", base, want)
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
		"master":     Deriver{Master: bytes.Repeat([]byte{8}, 32)}.Secret(server, "myuser", "%", 1),
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

func TestMasterKey(t *testing.T) {
	d := Deriver{Master: []byte("0123456789abcdef0123456789abcdef")}
	for _, text := range []string{fmt.Sprint(d), fmt.Sprintf("%v %+v %#v %s", d, d, d, d)} {
		if strings.Contains(text, "0123") || strings.Contains(text, "48 49") {
			t.Errorf("the key is printed: %s", text)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a short master key gave a secret")
		}
	}()
	Deriver{Master: d.Master[:31]}.Secret("s", "u", "h", 1)
}

// Servers repeat a statement that they cannot read, cut after 80 characters.
func TestErrorsHoldNoSecret(t *testing.T) {
	secret := Deriver{Master: bytes.Repeat([]byte{7}, 32)}.Secret("s", "u", "h", 1)
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
