package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goldenGreeting is a greeting as a server sends it, and what it says.
type goldenGreeting struct {
	name    string
	payload []byte
	want    Greeting
	again   bool // encoding gives the same bytes
}

func goldenGreetings(t *testing.T) []goldenGreeting {
	t.Helper()
	return []goldenGreeting{
		{
			name: "MySQL manual, 5.6.4",
			payload: fromHex(t, `0a 35 2e 36 2e 34 2d 6d 37 2d 6c 6f 67 00 56 0a 00 00 52 42 33 76 7a 26 47 72 00 ff ff 08
				02 00 0f c0 15 00 00 00 00 00 00 00 00 00 00 2b 79 44 26 2f 5a 5a 33 30 35 5a 47 00
				6d 79 73 71 6c 5f 6e 61 74 69 76 65 5f 70 61 73 73 77 6f 72 64 00`),
			want: Greeting{
				Version: "5.6.4-m7-log", ConnectionID: 2646, AuthData: []byte("RB3vz&Gr+yD&/ZZ305ZG"),
				Capabilities: 0xc00fffff, Charset: 8, Status: StatusAutocommit, Plugin: PluginNative,
			},
			again: true,
		},
		{
			name: "MySQL manual, 5.5.2 without plugins",
			payload: fromHex(t, `0a 35 2e 35 2e 32 2d 6d 32 00 0b 00 00 00 64 76 48 40 49 2d 43 4a 00 ff f7 08 02 00
				00 00 00 00 00 00 00 00 00 00 00 00 00 2a 34 64 7c 63 5a 77 6b 34 5e 5d 3a 00`),
			want: Greeting{
				Version: "5.5.2-m2", ConnectionID: 11, AuthData: []byte("dvH@I-CJ*4d|cZwk4^]:"),
				Capabilities: 0xf7ff, Charset: 8, Status: StatusAutocommit,
			},
			again: true,
		},
		{
			name:    "MySQL 9.7",
			payload: loadCapture(t, "mysql-9.7-cli.txt")[0].payload,
			want: Greeting{
				Version: "9.7.4-2", ConnectionID: 9,
				AuthData:     fromHex(t, "5a016a5b25290f6b 0e2f7b572b396d32147a3331"),
				Capabilities: 0xdfffffff, Charset: 255, Status: StatusAutocommit, Plugin: PluginCachingSHA2,
			},
			again: true,
		},
		{
			name:    "MariaDB 10.11: extended capabilities in the filler, prefix kept",
			payload: loadCapture(t, "mariadb-10.11-cli.txt")[0].payload,
			want: Greeting{
				Version: "5.5.5-10.11.19-MariaDB-0+deb12u1", ConnectionID: 5,
				AuthData: fromHex(t, "6c345d577c2a5a66 722b7a4a424a2d4245733650"),
				Capabilities: 0x81fff7fe | MariaDBProgress | MariaDBStmtBulkOperations |
					MariaDBExtendedMetadata | MariaDBCacheMetadata,
				Charset: 8, Status: StatusAutocommit, Plugin: PluginNative,
			},
			again: true,
		},
	}
}

func TestGreetingGolden(t *testing.T) {
	for _, test := range goldenGreetings(t) {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseGreeting(test.payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong greeting (-want +got):\n%s", diff)
			}
			if b := got.Append(nil); test.again && !bytes.Equal(b, test.payload) {
				t.Errorf("encodes to\n%x, want\n%x", b, test.payload)
			}
		})
	}
}

func TestGreetingFillerIsNoCapabilityForMySQL(t *testing.T) {
	g := Greeting{Version: "8.4.0", Capabilities: ClientLongPassword | ClientProtocol41 | MariaDBProgress}
	got, err := ParseGreeting(g.Append(nil))
	if err != nil || got.Capabilities.Has(MariaDBProgress) {
		t.Errorf("capabilities %#x, error %v: MariaDB's went out with CLIENT_LONG_PASSWORD on", got.Capabilities, err)
	}
	raw := g.Append(nil)
	raw[len("\x0a8.4.0\x00")+4+9+2+1+2+2+1+6] = 0x1d // filler of a server that does not clear it
	if got, err = ParseGreeting(raw); err != nil || got.Capabilities>>32 != 0 {
		t.Errorf("capabilities %#x, error %v: filler was taken for capabilities", got.Capabilities, err)
	}
}

func TestGreetingTolerates(t *testing.T) {
	g := Greeting{
		Version: "5.5.8", AuthData: []byte("01234567890123456789"), Plugin: PluginNative,
		Capabilities: ClientLongPassword | ClientProtocol41 | ClientSecureConnection | ClientPluginAuth,
	}
	full := g.Append(nil)
	t.Run("plugin name without NUL, as before 5.5.10", func(t *testing.T) {
		got, err := ParseGreeting(full[:len(full)-1])
		if diff := cmp.Diff(g, got); err != nil || diff != "" {
			t.Errorf("error %v, diff %s", err, diff)
		}
	})
	t.Run("long nonce", func(t *testing.T) {
		long := g
		long.AuthData = bytes.Repeat([]byte("x"), MaxGreetingAuthData)
		got, err := ParseGreeting(long.Append(nil))
		if diff := cmp.Diff(long, got); err != nil || diff != "" {
			t.Errorf("error %v, diff %s", err, diff)
		}
	})
	t.Run("NUL in the version injects nothing", func(t *testing.T) {
		bad := g
		bad.Version = "8.0\x00injected"
		got, err := ParseGreeting(bad.Append(nil))
		if err != nil || got.Version != "8.0" || got.Plugin != PluginNative {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestGreetingRefuses(t *testing.T) {
	good := loadCapture(t, "mysql-9.7-cli.txt")[0].payload
	// 20 bytes of nonce may lack their NUL at the very end; anything shorter is no greeting.
	least := len(good) - len(PluginCachingSHA2) - 2
	for n := range least {
		if g, err := ParseGreeting(good[:n]); err == nil {
			t.Fatalf("first %d of %d bytes accepted: %+v", n, len(good), g)
		}
	}
	for _, bad := range []string{"", "\x09" + string(good[1:]), strings.Repeat("\x0a", 100)} {
		if g, err := ParseGreeting([]byte(bad)); err == nil {
			t.Errorf("%q accepted: %+v", bad, g)
		}
	}
}
