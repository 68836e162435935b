package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuthSwitchRequest(t *testing.T) {
	nonce := fromHex(t, "7a 51 67 34 69 6f 4e 79 3d 72 48 4e 2f 3e 2d 62 29 41 00")
	for _, test := range []struct {
		name    string
		payload []byte
		want    AuthSwitchRequest
	}{
		{"MySQL manual", append([]byte("\xfemysql_native_password\x00"), nonce...), AuthSwitchRequest{PluginNative, nonce}},
		{
			"MariaDB 10.11", loadCapture(t, "mariadb-10.11-switch.txt")[2].payload,
			AuthSwitchRequest{PluginNative, []byte("h\x22ku,v23ITJX\\E&,HhP;\x00")},
		},
		{"clear password without data", []byte("\xfemysql_clear_password\x00"), AuthSwitchRequest{Plugin: PluginClear}},
		{"old, one byte", []byte("\xfe"), AuthSwitchRequest{Plugin: PluginOld}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAuthSwitchRequest(test.payload)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			if b := got.Append(nil); !bytes.Equal(b, test.payload) {
				t.Errorf("encodes to %x, want %x", b, test.payload)
			}
			if !IsAuthSwitch(test.payload) || IsAuthMoreData(test.payload) || IsOK(test.payload) || IsERR(test.payload) {
				t.Error("it is taken for something else")
			}
		})
	}
	for _, bad := range []string{"", "\x00", "\xfemysql_native_password"} {
		if got, err := ParseAuthSwitchRequest([]byte(bad)); err == nil {
			t.Errorf("%q accepted as %+v", bad, got)
		}
	}
}

func TestAuthMoreData(t *testing.T) {
	session := loadCapture(t, "mysql-9.7-cli.txt")
	full, err := ParseAuthMoreData(session[2].payload)
	if err != nil || !bytes.Equal(full.Data, []byte{CachingSHA2FullAuth}) {
		t.Errorf("got %x, %v; want full authentication", full.Data, err)
	}
	if !bytes.Equal(session[3].payload, []byte{CachingSHA2RequestPublicKey}) {
		t.Errorf("client answered %x, want a request for the key", session[3].payload)
	}
	key, err := ParseAuthMoreData(session[4].payload)
	if err != nil || !strings.HasPrefix(string(key.Data), "-----BEGIN PUBLIC KEY-----") {
		t.Errorf("got %q, %v; want a key", key.Data, err)
	}
	if b := key.Append(nil); !bytes.Equal(b, session[4].payload) {
		t.Errorf("encodes to %x", b)
	}
	fast, err := ParseAuthMoreData(loadCapture(t, "mysql-9.7-attributes.txt")[2].payload)
	if err != nil || !bytes.Equal(fast.Data, []byte{CachingSHA2FastAuthOK}) {
		t.Errorf("got %x, %v; want fast authentication", fast.Data, err)
	}
	if _, err := ParseAuthMoreData([]byte{0}); err == nil {
		t.Error("an OK packet was accepted")
	}
}

func TestParsedMessagesDoNotAlias(t *testing.T) {
	payload := []byte("\xfeplugin\x00data")
	got, err := ParseAuthSwitchRequest(payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if got.Plugin != "plugin" || string(got.Data) != "data" {
		t.Errorf("got %q, %q after the buffer was used again", got.Plugin, got.Data)
	}
}

func TestCutToken(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"\x00":          "",
		"token":         "token", // MySql.Data, older PHP
		"token\x00":     "token",
		"token\x00\x00": "token\x00", // one NUL, not all
		"token\x00 ":    "token\x00 ",
		" token\n\x00":  " token\n",
		"to\x00ken\x00": "to\x00ken",
	} {
		if got := string(CutToken([]byte(in))); got != want {
			t.Errorf("CutToken(%q) = %q, want %q", in, got, want)
		}
	}
}
