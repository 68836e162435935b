package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

func TestOK(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload string
		caps    Capability
		want    OK
	}{
		{"MySQL manual", "00 00 00 02 00 00 00", 0, OK{Status: StatusAutocommit}},
		{"nothing to track", "00 00 00 02 00 00 00", ClientSessionTrack, OK{Status: StatusAutocommit}},
		{
			"database changed, as captured", "00 00 00 02 40 00 00 00 07 01 05 04 73 68 6f 70", ClientSessionTrack,
			OK{Status: StatusAutocommit | StatusSessionStateChanged, SessionState: []byte("\x01\x05\x04shop")},
		},
		{
			"message with tracking", "00 fc 2c 01 05 03 00 02 00 02 6f 6b", ClientSessionTrack,
			OK{AffectedRows: 300, LastInsertID: 5, Status: StatusAutocommit | StatusInTrans, Warnings: 2, Info: "ok"},
		},
		{
			"message to the end without", "00 01 00 02 00 00 00 52 6f 77 73", 0,
			OK{AffectedRows: 1, Status: StatusAutocommit, Info: "Rows"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			payload := fromHex(t, test.payload)
			got, err := ParseOK(payload, test.caps)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			if b := got.Append(nil, test.caps); !bytes.Equal(b, payload) {
				t.Errorf("encodes to %x, want %x", b, payload)
			}
		})
	}
	if got, err := ParseOK(fromHex(t, "fe 00 00 02 00 00 00"), ClientDeprecateEOF); err != nil || got.Status != StatusAutocommit {
		t.Errorf("in an EOF's place: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "01", "00", "00 00 00 02 00 00", "00 fb 00 02 00 00 00", "00 00 00 02 00 00 00 05 61"} {
		if got, err := ParseOK(fromHex(t, bad), ClientSessionTrack); err == nil {
			t.Errorf("%s accepted as %+v", bad, got)
		}
	}
}

func TestERR(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload []byte
		want    ERR
		text    string
	}{
		{
			"MySQL manual", fromHex(t, "ff 48 04 23 48 59 30 30 30 4e 6f 20 74 61 62 6c 65 73 20 75 73 65 64"),
			ERR{1096, "HY000", "No tables used"},
			"ERROR 1096 (HY000): No tables used",
		},
		{
			"MariaDB 10.11", loadCapture(t, "mariadb-10.11-denied.txt")[2].payload,
			NewERR(mysqlerr.AccessDenied, "Access denied for user '%s'@'%s' (using password: YES)", "t", "127.0.0.1"),
			"ERROR 1045 (28000): Access denied for user 't'@'127.0.0.1' (using password: YES)",
		},
		{
			"in place of the greeting, without a state", []byte("\xff\x10\x04Too many connections"),
			ERR{mysqlerr.ConCount, "", "Too many connections"},
			"ERROR 1040: Too many connections",
		},
		{"no message", []byte("\xff\x10\x04#08004"), ERR{mysqlerr.ConCount, "08004", ""}, "ERROR 1040 (08004): "},
		{"mere hash", []byte("\xff\x10\x04#ab"), ERR{mysqlerr.ConCount, "", "#ab"}, "ERROR 1040: #ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseERR(test.payload)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
			if b := got.Append(nil); !bytes.Equal(b, test.payload) {
				t.Errorf("encodes to %x, want %x", b, test.payload)
			}
			if got.Error() != test.text {
				t.Errorf("reads %q, want %q", got.Error(), test.text)
			}
		})
	}
	if b := (ERR{Code: 1, State: "toolong", Message: "m"}).Append(nil); string(b) != "\xff\x01\x00#HY000m" {
		t.Errorf("a state of seven bytes encodes to %q", b)
	}
	for _, bad := range []string{"", "\x00", "\xff\x01"} {
		if _, err := ParseERR([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestEOF(t *testing.T) {
	payload := fromHex(t, "fe 03 00 02 00")
	got, err := ParseEOF(payload)
	if want := (EOF{Warnings: 3, Status: StatusAutocommit}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if b := got.Append(nil); !bytes.Equal(b, payload) || !IsEOF(b) {
		t.Errorf("encodes to %x", b)
	}
	row := append(payload, "rest of a row"...)
	if _, err := ParseEOF(row); err == nil || IsEOF(row) {
		t.Error("a row beginning 0xfe was accepted")
	}
	if _, err := ParseEOF(payload[:4]); err == nil {
		t.Error("four bytes were accepted")
	}
}

func TestSQLState(t *testing.T) {
	for code, want := range map[uint16]string{
		mysqlerr.AccessDenied: "28000", mysqlerr.ConCount: "08004", mysqlerr.Parse: "42000", mysqlerr.ServerShutdown: "08S01",
		mysqlerr.SecureTransportRequired: "HY000", mysqlerr.AADTokenNotValid: "HY000", 60000: "HY000",
	} {
		if got := mysqlerr.State(code); got != want {
			t.Errorf("mysqlerr.State(%d) = %s, want %s", code, got, want)
		}
	}
}
