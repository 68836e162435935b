package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHandshakeResponseManual(t *testing.T) {
	payload := fromHex(t, `8d a6 0f 00 00 00 00 01 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
		70 61 6d 00 14 ab 09 ee f6 bc b1 32 3e 61 14 38 65 c0 99 1d 95 7d 75 d4 47 74 65 73 74 00
		6d 79 73 71 6c 5f 6e 61 74 69 76 65 5f 70 61 73 73 77 6f 72 64 00`)
	got, err := ParseHandshakeResponse(payload)
	if err != nil {
		t.Fatal(err)
	}
	want := HandshakeResponse{
		Capabilities: 0x000fa68d, MaxPacket: 1 << 24, Charset: 8, User: "pam", Database: "test", Plugin: PluginNative,
		AuthData: fromHex(t, "ab09eef6bcb1323e61143865c0991d957d75d447"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong response (-want +got):\n%s", diff)
	}
	if b := got.Append(nil); !bytes.Equal(b, payload) {
		t.Errorf("encodes to\n%x, want\n%x", b, payload)
	}
}

func TestHandshakeResponseCaptured(t *testing.T) {
	for _, test := range []struct {
		file, plugin, client string
		caps                 Capability
		authData             int
	}{
		{"mysql-9.7-cli.txt", PluginCachingSHA2, "libmysql", 0x19bfa28d, 32},
		{"mariadb-10.11-cli.txt", PluginNative, "libmariadb", 0x00bfa28c | MariaDBProgress |
			MariaDBStmtBulkOperations | MariaDBExtendedMetadata | MariaDBCacheMetadata, 20},
		{"mariadb-10.11-prepare.txt", PluginNative, "Go-MySQL-Driver", 0x013aa28c | MariaDBCacheMetadata, 20},
	} {
		t.Run(test.file, func(t *testing.T) {
			payload := loadCapture(t, test.file)[1].payload
			got, err := ParseHandshakeResponse(payload)
			if err != nil {
				t.Fatal(err)
			}
			if got.Capabilities != test.caps || got.Plugin != test.plugin || got.User != "t" ||
				got.Database != "shop" || len(got.AuthData) != test.authData {
				t.Errorf("got %+v", got)
			}
			client := ""
			for _, a := range got.Attributes {
				if a.Key == "_client_name" {
					client = a.Value
				}
			}
			if client != test.client {
				t.Errorf("client name %q, want %q", client, test.client)
			}
			if b := got.Append(nil); !bytes.Equal(b, payload) {
				t.Errorf("encodes to\n%x, want\n%x", b, payload)
			}
		})
	}
}

func TestHandshakeResponseLayouts(t *testing.T) {
	const base = ClientLongPassword | ClientProtocol41
	long := bytes.Repeat([]byte("t"), 9000)
	for _, test := range []struct {
		name string
		r    HandshakeResponse
	}{
		{"bare", HandshakeResponse{Capabilities: base, User: "u", AuthData: []byte("old")}},
		{"npm mysql: no plugin name", HandshakeResponse{Capabilities: base | ClientSecureConnection | ClientConnectWithDB, User: "u", AuthData: []byte("12345678901234567890"), Database: "d"}},
		{"PHP: plugin but no length-encoded data, 251 to 255 are plain lengths", HandshakeResponse{Capabilities: base | ClientSecureConnection | ClientPluginAuth, User: "u", AuthData: long[:255], Plugin: PluginClear}},
		{"token in the first packet", HandshakeResponse{Capabilities: base | ClientSecureConnection | ClientPluginAuth | ClientPluginAuthLenencClientData, User: "u", AuthData: long, Plugin: PluginClear}},
		{"MariaDB", HandshakeResponse{Capabilities: ClientProtocol41 | ClientSecureConnection | MariaDBCacheMetadata, User: "u"}},
		{"zstd", HandshakeResponse{Capabilities: base | ClientSecureConnection | ClientPluginAuth | ClientConnectAttrs | ClientZstdCompression, User: "u", Plugin: PluginNative, ZstdLevel: 3, Attributes: []Attribute{{"k", strings.Repeat("v", 300)}, {"", ""}}}},
		{"nobody", HandshakeResponse{Capabilities: base | ClientSecureConnection}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseHandshakeResponse(test.r.Append(nil))
			if diff := cmp.Diff(test.r, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestHandshakeResponseTolerates(t *testing.T) {
	const caps = ClientLongPassword | ClientProtocol41 | ClientSecureConnection | ClientConnectWithDB |
		ClientPluginAuth | ClientConnectAttrs | ClientZstdCompression
	head := SSLRequest{Capabilities: caps}.Append(nil)
	for name, tail := range map[string]string{
		"nothing behind the authentication data": "u\x00\x00",
		"database without NUL":                   "u\x00\x00shop",
		"no plugin name":                         "u\x00\x00shop\x00",
		"plugin name without NUL":                "u\x00\x00shop\x00mysql_native_password",
		"no attributes":                          "u\x00\x00shop\x00mysql_native_password\x00",
	} {
		got, err := ParseHandshakeResponse(append(bytes.Clone(head), tail...))
		if err != nil || got.User != "u" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if strings.Contains(tail, "shop") && got.Database != "shop" {
			t.Errorf("%s: database %q", name, got.Database)
		}
		if strings.Contains(tail, PluginNative) && got.Plugin != PluginNative {
			t.Errorf("%s: plugin %q", name, got.Plugin)
		}
	}
}

func TestHandshakeResponseRefuses(t *testing.T) {
	const base = ClientLongPassword | ClientProtocol41 | ClientSecureConnection
	with := func(caps Capability, tail string) []byte {
		return append(SSLRequest{Capabilities: caps}.Append(nil), tail...)
	}
	for name, payload := range map[string][]byte{
		"empty":                        nil,
		"older than 4.1":               with(ClientLongPassword, "u\x00\x00"),
		"TLS request":                  with(base|ClientSSL, ""),
		"user name without end":        with(base, "user"),
		"data shorter than said":       with(base, "u\x00\x05abc"),
		"length-encoded 2^63":          with(base|ClientPluginAuthLenencClientData, "u\x00\xfe\x00\x00\x00\x00\x00\x00\x00\x80abc"),
		"length-encoded NULL":          with(base|ClientPluginAuthLenencClientData, "u\x00\xfb"),
		"attributes beyond the packet": with(base|ClientConnectAttrs, "u\x00\x00\x09\x01a\x01b"),
		"attribute beyond its block":   with(base|ClientConnectAttrs, "u\x00\x00\x03\x01a\x05bcdef"),
		"attribute without value":      with(base|ClientConnectAttrs, "u\x00\x00\x02\x01a"),
	} {
		if got, err := ParseHandshakeResponse(payload); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

func TestAuthDataThatCannotBeExpressedIsNotCut(t *testing.T) {
	r := HandshakeResponse{Capabilities: ClientLongPassword | ClientProtocol41 | ClientSecureConnection, User: "u", AuthData: make([]byte, 256)}
	got, err := ParseHandshakeResponse(r.Append(nil))
	if err != nil || len(got.AuthData) != 0 {
		t.Errorf("%d bytes sent, error %v; want none rather than a part", len(got.AuthData), err)
	}
}

func TestSSLRequest(t *testing.T) {
	payload := loadCapture(t, "mysql-9.7-tls.txt")[1].payload
	if !IsSSLRequest(payload) {
		t.Fatal("a real TLS request is not recognised")
	}
	got, err := ParseSSLRequest(payload)
	want := SSLRequest{Capabilities: 0x19bfaa85, MaxPacket: 1 << 24, Charset: 255}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, diff %s", err, diff)
	}
	if b := got.Append(nil); !bytes.Equal(b, payload) {
		t.Errorf("encodes to %x, want %x", b, payload)
	}
	maria := SSLRequest{Capabilities: ClientProtocol41 | ClientSSL | MariaDBCacheMetadata}
	if got, err = ParseSSLRequest(maria.Append(nil)); err != nil || got != maria {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"short":      payload[:31],
		"longer":     append(bytes.Clone(payload), 0),
		"no SSL bit": SSLRequest{Capabilities: ClientProtocol41}.Append(nil),
		"old":        SSLRequest{Capabilities: ClientSSL}.Append(nil),
	} {
		if _, err := ParseSSLRequest(bad); err == nil || IsSSLRequest(bad) {
			t.Errorf("%s: accepted (%v) or recognised (%v)", name, err == nil, IsSSLRequest(bad))
		}
	}
}

// MariaDB Connector/J 2.7 asks for TLS with 01beab8a and sends 01bea38a inside it.
func TestSSLBitNeedNotBeRepeated(t *testing.T) {
	asked := SSLRequest{Capabilities: 0x01beab8a}.Append(nil)
	if !IsSSLRequest(asked) {
		t.Fatal("its TLS request is not recognised")
	}
	inside := HandshakeResponse{Capabilities: 0x01bea38a, User: "u", Plugin: PluginNative}
	got, err := ParseHandshakeResponse(inside.Append(nil))
	if err != nil || got.User != "u" || got.Capabilities.Has(ClientSSL) {
		t.Errorf("got %+v, %v", got, err)
	}
}
