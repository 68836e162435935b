package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// libmariadbCaps are what libmariadb 3.3.20 asked for in the recorded sessions.
const libmariadbCaps Capability = 0x00bea284 | 0x1d<<32

func TestChangeUserCaptured(t *testing.T) {
	session := loadCapture(t, "mariadb-10.11-change-user.txt")
	payload := session[3].payload
	got, err := ParseChangeUser(payload, libmariadbCaps)
	if err != nil {
		t.Fatal(err)
	}
	if got.User != "t" || got.Database != "shop" || got.Charset != 45 || got.Plugin != PluginNative ||
		len(got.AuthData) != 20 || len(got.Attributes) != 6 {
		t.Errorf("got %+v", got)
	}
	if b := got.Append(nil, libmariadbCaps); !bytes.Equal(b, payload) {
		t.Errorf("encodes to\n%x, want\n%x", b, payload)
	}
	// The exchange goes on with the sequence numbers of the command.
	for i, want := range []byte{0, 1, 2, 3} {
		if session[3+i].seq != want {
			t.Errorf("packet %d has sequence number %d, want %d", i, session[3+i].seq, want)
		}
	}
}

func TestChangeUserLayouts(t *testing.T) {
	const auth = ClientSecureConnection | ClientPluginAuth | ClientPluginAuthLenencClientData
	for _, test := range []struct {
		name    string
		payload string
		caps    Capability
		want    ChangeUser
	}{
		{
			"length is one byte even with LENENC", "\x11u\x00\xfd" + strings.Repeat("x", 253) + "d\x00-\x00p\x00", auth,
			ChangeUser{User: "u", AuthData: bytes.Repeat([]byte("x"), 253), Database: "d", Charset: 45, Plugin: "p"},
		},
		{"nothing behind the database", "\x11u\x00\x00d\x00", auth | ClientConnectAttrs, ChangeUser{User: "u", Database: "d"}},
		{"no plugin", "\x11u\x00\x00\x00\xff\x00", auth, ChangeUser{User: "u", Charset: 255}},
		{"NUL-terminated data", "\x11u\x00abc\x00d\x00\x08\x00", 0, ChangeUser{User: "u", AuthData: []byte("abc"), Database: "d", Charset: 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseChangeUser([]byte(test.payload), test.caps)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			again, err := ParseChangeUser(got.Append(nil, test.caps), test.caps)
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("again: error %v, diff %s", err, diff)
			}
		})
	}
	for _, bad := range []string{"", "\x03u\x00\x00d\x00", "\x11u", "\x11u\x00", "\x11u\x00\x09abc", "\x11u\x00\x00d\x00\x01"} {
		if got, err := ParseChangeUser([]byte(bad), auth); err == nil {
			t.Errorf("%q accepted as %+v", bad, got)
		}
	}
}

func TestQuery(t *testing.T) {
	attributes := loadCapture(t, "mysql-9.7-attributes.txt")
	captured := attributes[len(attributes)-3].payload
	const sql = "select mysql_query_attribute_string('color')"
	for _, test := range []struct {
		name    string
		payload string
		caps    Capability
		sql     string
		names   string
	}{
		{"plain", "\x03select 1", 0, "select 1", ""},
		{"empty", "\x03", 0, "", ""},
		{"no attributes", "\x03\x00\x01select 1", ClientQueryAttributes, "select 1", ""},
		{"attributes of MySQL's command line", string(captured), ClientQueryAttributes, sql, "color=red size=42"},
		{
			"each kind of value is skipped",
			"\x03\x07\x01\x02\x01" + "\x01\x00\x01a" + "\x08\x00\x01b" + "\x03\x80\x01c" + "\x0c\x00\x01d" +
				"\x0b\x00\x01e" + "\xfd\x00\x01f" + "\x06\x00\x01g" +
				"\x01" + "1234" + "\x04\xea\x07\x0b\x16" + "\x00" + "\xfc\x02\x00hi" + "select 1",
			ClientQueryAttributes, "select 1", "a=\x01 b=NULL c=1234 d=\xea\x07\x0b\x16 e= f=hi g=NULL",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, err := ParseQuery([]byte(test.payload), test.caps)
			if err != nil {
				t.Fatal(err)
			}
			if string(q.SQL) != test.sql || q.Offset != len(test.payload)-len(test.sql) {
				t.Errorf("SQL %q at %d, want %q", q.SQL, q.Offset, test.sql)
			}
			var names []string
			for _, a := range q.Attributes {
				value := string(a.Value)
				if a.Null {
					value = "NULL"
				}
				names = append(names, a.Name+"="+value)
			}
			if got := strings.Join(names, " "); got != test.names {
				t.Errorf("attributes %q, want %q", got, test.names)
			}
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "\x16select 1",
		"\x03", "\x03\x00", "\x03\x00\x02select 1", // not one set
		"\x03\xfbselect 1", // NULL for a count
		"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01abc",                  // more parameters than there can be
		"\x03\xfc\xff\xff\x01" + strings.Repeat("\x00", 8192) + "\x01\x01", // count beyond the packet
		"\x03\x01\x01\x00\x00select 1",                                     // without types
		"\x03\x01\x01\x00\x01\x20\x00\x01aselect 1",                        // unknown type
		"\x03\x01\x01\x00\x01\xfe\x00\x01a\xfdselect 1",                    // value beyond the packet
	} {
		if q, err := ParseQuery([]byte(bad), ClientQueryAttributes); err == nil {
			t.Errorf("%.40q accepted as %q", bad, q.SQL)
		}
	}
}

func TestQuerySplice(t *testing.T) {
	attributes := loadCapture(t, "mysql-9.7-attributes.txt")
	payload := attributes[len(attributes)-3].payload
	q, err := ParseQuery(payload, ClientQueryAttributes)
	if err != nil {
		t.Fatal(err)
	}
	spliced, err := ParseQuery(append(payload[:q.Offset:q.Offset], "DO 1"...), ClientQueryAttributes)
	if err != nil || string(spliced.SQL) != "DO 1" {
		t.Errorf("got %q, %v", spliced.SQL, err)
	}
	if diff := cmp.Diff(q.Attributes, spliced.Attributes); diff != "" {
		t.Errorf("attributes changed: %s", diff)
	}
	for _, caps := range []Capability{0, ClientQueryAttributes} {
		q, err := ParseQuery(AppendQuery(nil, "select 2", caps), caps)
		if err != nil || string(q.SQL) != "select 2" {
			t.Errorf("with %#x: %q, %v", caps, q.SQL, err)
		}
	}
}

func TestProcessKill(t *testing.T) {
	if id, err := ParseProcessKill([]byte("\x0c\x01\x02\x00\x80")); err != nil || id != 0x80000201 {
		t.Errorf("got %#x, %v", id, err)
	}
	for _, bad := range []string{"", "\x0c", "\x0c\x01\x02\x03", "\x0e\x01\x02\x03\x04"} {
		if _, err := ParseProcessKill([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
