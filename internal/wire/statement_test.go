package wire

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrepare(t *testing.T) {
	sql, err := ParsePrepare(loadCapture(t, "mysql-9.7-prepare.txt")[4].payload)
	if err != nil || string(sql) != "select ?,?,?,?" {
		t.Errorf("got %q, %v", sql, err)
	}
	if _, err := ParsePrepare([]byte("\x03select 1")); err == nil {
		t.Error("a COM_QUERY was accepted")
	}
}

func TestPrepareOKAsServersSendIt(t *testing.T) {
	const def = "\x03def\x00\x00\x00\x01?\x00\x0c\x2d\x00\xfc\xff\x00\x00\xfd\x00\x00\x1f\x00\x00"
	if mysql := loadCapture(t, "mysql-9.7-prepare.txt")[6].payload; string(mysql) != def {
		t.Fatalf("MySQL 9.7 described a parameter as %x, this test expects %x", mysql, def)
	}
	framed := func(seq byte, payload string) string { return string(AppendPacket(nil, seq, []byte(payload))) }
	withExtended := strings.Replace(def, "\x01?\x00\x0c", "\x01?\x00\x00\x0c", 1)
	for _, test := range []struct {
		name string
		p    PrepareOK
		caps Capability
		want string
	}{
		{
			"none",
			PrepareOK{StatementID: 3},
			ClientDeprecateEOF,
			framed(1, "\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		},
		{
			"two",
			PrepareOK{StatementID: 0x01020304, Parameters: 2, Warnings: 1},
			ClientDeprecateEOF,
			framed(1, "\x00\x04\x03\x02\x01\x00\x00\x02\x00\x00\x01\x00") + framed(2, def) + framed(3, def),
		},
		{
			"one with EOF",
			PrepareOK{StatementID: 3, Parameters: 1, Status: StatusAutocommit},
			0,
			framed(1, "\x00\x03\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00") + framed(2, def) + framed(3, "\xfe\x00\x00\x02\x00"),
		},
		{
			"MariaDB's extended metadata",
			PrepareOK{StatementID: 3, Parameters: 1},
			ClientDeprecateEOF | MariaDBExtendedMetadata,
			framed(1, "\x00\x03\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00") + framed(2, withExtended),
		},
		{
			"optional metadata",
			PrepareOK{StatementID: 3, Parameters: 1},
			ClientDeprecateEOF | ClientOptionalResultsetMetadata,
			framed(1, "\x00\x03\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01") + framed(2, def),
		},
	} {
		if got := string(test.p.AppendPackets(nil, 1, test.caps)); got != test.want {
			t.Errorf("%s:\n%x, want\n%x", test.name, got, test.want)
		}
	}
}

// libmariadb prepared "do ?" on MariaDB: same packets but for the type, which
// MariaDB gives as NULL.
func TestPrepareOKLaidOutAsMariaDBs(t *testing.T) {
	session := loadCapture(t, "mariadb-10.11-prepare-libmariadb.txt")
	got := bytes.NewReader(PrepareOK{StatementID: 3, Parameters: 1, Status: StatusAutocommit}.AppendPackets(nil, 1, libmariadbCaps))
	for _, want := range session[4:7] {
		payload, seq, err := ReadPacket(got, nil, 1000)
		if err != nil || seq != want.seq || len(payload) != len(want.payload) {
			t.Fatalf("got %x (%d), %v; want the length of %x (%d)", payload, seq, err, want.payload, want.seq)
		}
	}
	if got.Len() != 0 {
		t.Errorf("%d bytes too many", got.Len())
	}
}

func TestExecuteCaptured(t *testing.T) {
	const caps = ClientProtocol41 | ClientDeprecateEOF
	for _, file := range []string{"mysql-9.7-prepare.txt", "mariadb-10.11-prepare.txt"} {
		t.Run(file, func(t *testing.T) {
			var executions []Execute
			for _, p := range loadCapture(t, file) {
				if p.from != 'C' || Command(p.payload[0]) != ComStmtExecute || len(executions) == 2 {
					continue
				}
				e, err := ParseExecute(p.payload, caps, 4, nil)
				if err != nil {
					t.Fatal(err)
				}
				executions = append(executions, e)
			}
			if len(executions) != 2 || executions[0].StatementID != 1 {
				t.Fatalf("got %+v", executions)
			}
			first := executions[0].Parameters
			if !first[1].Null || string(first[0].Value) != "bob" || string(first[3].Value) != strings.Repeat("z", 300) {
				t.Errorf("got %+v", first)
			}
			if _, err := executions[0].Texts(4); err == nil {
				t.Error("NULL was taken for a string")
			}
			if texts, err := executions[0].Texts(1); err != nil || texts[0] != "bob" {
				t.Errorf("got %q, %v", texts, err)
			}
			if _, err := executions[1].Texts(4); err == nil || err.Error() != "parameter 1: parameter of type 0x08 is no string" {
				t.Errorf("a number was taken for a string: %v", err)
			}
			if v := executions[1].Parameters[3]; string(v.Value) != "y" {
				t.Errorf("behind numbers: %+v", v)
			}
		})
	}
}

func TestExecuteLayouts(t *testing.T) {
	const head = "\x17\x04\x00\x00\x00"
	types := []Parameter{{Type: TypeString, Name: "kept"}}
	for _, test := range []struct {
		name         string
		payload      string
		caps         Capability
		placeholders int
		previous     []Parameter
		want         string // values, "" for an error
	}{
		{"MySQL manual", "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x0f\x00\x03foo", 0, 1, nil, "foo"},
		{"attributes, flag set (node mysql2)", head + "\x08\x01\x00\x00\x00\x01\x00\x01\xfd\x00\x00\x05admin", ClientQueryAttributes, 1, nil, "admin"},
		{"attributes, flag not set: MySQL 9.7 wants the count all the same", head + "\x00\x01\x00\x00\x00\x01\x00\x01\xfd\x00\x00\x05admin", ClientQueryAttributes, 1, nil, "admin"},
		{"one more attribute", head + "\x08\x01\x00\x00\x00\x02\x00\x01\xfd\x00\x00\xfe\x00\x01n\x03bob\x01v", ClientQueryAttributes, 1, nil, "bob,v"},
		{"types from before", head + "\x00\x01\x00\x00\x00\x00\x00\x03bob", 0, 1, types, "bob"},
		{"types from before, none known", head + "\x00\x01\x00\x00\x00\x00\x00\x03bob", 0, 1, nil, ""},
		{"nothing to bind", head + "\x00\x01\x00\x00\x00", 0, 0, nil, "none"},
		{"nothing to bind, count said", head + "\x08\x01\x00\x00\x00\x00", ClientQueryAttributes, 0, nil, "none"},
		{"fewer than placeholders", head + "\x08\x01\x00\x00\x00\x01\x00\x01\xfd\x00\x00\x01a", ClientQueryAttributes, 2, nil, ""},
		{"no bitmap", head + "\x00\x01\x00\x00\x00", 0, 1, nil, ""},
		{"types cut short", head + "\x00\x01\x00\x00\x00\x00\x01\xfd", 0, 1, nil, ""},
		{"value cut short", head + "\x00\x01\x00\x00\x00\x00\x01\xfd\x00\x05abc", 0, 1, nil, ""},
		{"too many", head + "\x08\x01\x00\x00\x00\xfd\x00\x00\x01", ClientQueryAttributes, 0, nil, ""},
		{"another command", "\x03select 1 from t", 0, 1, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := ParseExecute([]byte(test.payload), test.caps, test.placeholders, test.previous)
			if (err != nil) != (test.want == "") {
				t.Fatalf("got %+v, %v", e, err)
			}
			if err != nil {
				return
			}
			texts, err := e.Texts(len(e.Parameters))
			got := strings.Join(texts, ",")
			if len(texts) == 0 {
				got = "none"
			}
			if err != nil || got != test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestStatementID(t *testing.T) {
	if id, err := StatementID([]byte("\x19\x07\x00\x00\x01")); err != nil || id != 0x01000007 {
		t.Errorf("got %#x, %v", id, err)
	}
	if _, err := StatementID([]byte("\x19\x07\x00")); err == nil {
		t.Error("a cut packet was accepted")
	}
}

// appendExecute is the encoder that the product has no need of.
func appendExecute(e Execute, caps Capability, placeholders int) []byte {
	dst := binary.LittleEndian.AppendUint32([]byte{byte(ComStmtExecute)}, e.StatementID)
	dst = append(dst, e.Flags, 1, 0, 0, 0)
	named := caps.Has(ClientQueryAttributes)
	if named && (placeholders > 0 || e.Flags&ExecuteParameterCountHere != 0) {
		dst = appendLenenc(dst, uint64(len(e.Parameters)))
	}
	if len(e.Parameters) == 0 {
		return dst
	}
	nulls := make([]byte, (len(e.Parameters)+7)/8)
	var types, values []byte
	for i, p := range e.Parameters {
		types = append(types, byte(p.Type), 0)
		if p.Unsigned {
			types[len(types)-1] = unsignedFlag
		}
		if named {
			types = appendLenBytes(types, p.Name)
		}
		switch {
		case p.Null:
			nulls[i/8] |= 1 << (i % 8)
		case p.Type == TypeDate || p.Type == TypeDatetime || p.Type == TypeTimestamp || p.Type == TypeTime:
			values = append(append(values, byte(len(p.Value))), p.Value...)
		case p.Type <= TypeInt24 && p.Type != TypeDecimal || p.Type == TypeYear:
			values = append(values, p.Value...)
		default:
			values = appendLenBytes(values, p.Value)
		}
	}
	return append(append(append(append(dst, nulls...), 1), types...), values...)
}

func TestExecuteRoundTrip(t *testing.T) {
	want := Execute{StatementID: 9, Flags: ExecuteParameterCountHere, Parameters: []Parameter{
		{Type: TypeString, Value: []byte("n")},
		{Type: TypeNull, Null: true},
		{Type: TypeLongLong, Unsigned: true, Value: []byte("12345678")},
		{Type: TypeTime, Value: []byte("12345678")},
		{Type: TypeYear, Value: []byte("12")},
		{Type: TypeBlob, Null: true},
		{Type: TypeDouble, Value: []byte("12345678")},
		{Type: TypeJSON, Value: []byte("{}")},
		{Type: TypeVarString, Name: "trace", Value: []byte("abc")},
	}}
	got, err := ParseExecute(appendExecute(want, ClientQueryAttributes, 8), ClientQueryAttributes, 8, nil)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
}
