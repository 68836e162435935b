package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// readForeign parses payload twice, once with other bytes right behind it in memory,
// and fails when they make a difference: a slice beyond the length would otherwise
// go unnoticed up to the capacity. It also holds every refusal to the rules.
func readForeign[T any](t *testing.T, payload []byte, parse func([]byte) (T, error)) (T, error) {
	t.Helper()
	exact := append(make([]byte, 0, len(payload)), payload...)
	roomy := append(append(make([]byte, 0, len(payload)+300), payload...), bytes.Repeat([]byte{1, 0}, 150)...)[:len(payload)]
	got, err := parse(exact)
	other, otherErr := parse(roomy)
	if !reflect.DeepEqual(got, other) || (err == nil) != (otherErr == nil) {
		t.Fatalf("depends on bytes behind the packet: %+v, %v; %+v, %v", got, err, other, otherErr)
	}
	if !bytes.Equal(exact, payload) {
		t.Fatal("the input was changed")
	}
	if err == nil {
		return got, nil
	}
	var malformed *MalformedError
	if !errors.As(err, &malformed) || malformed.Offset < 0 || malformed.Offset > len(payload) {
		t.Fatalf("refused with %#v", err)
	}
	if !reflect.ValueOf(got).IsZero() {
		t.Fatalf("refused, yet returned %+v", got)
	}
	return got, err
}

// roundTrip checks that what was read, written and read again is the same.
func roundTrip[T any](t *testing.T, payload []byte, parse func([]byte) (T, error), write func(T, []byte) []byte) {
	t.Helper()
	got, err := readForeign(t, payload, parse)
	if err != nil {
		return
	}
	b := write(got, []byte("kept"))
	if string(b[:4]) != "kept" {
		t.Fatal("append changed what was there")
	}
	again, err := parse(b[4:])
	if err != nil || !reflect.DeepEqual(got, again) {
		t.Fatalf("%+v was written as %x and read as %+v, %v", got, b[4:], again, err)
	}
}

func addSeeds(f *testing.F, side byte, add func([]byte)) {
	for _, payload := range seeds(f, side) {
		add(payload)
	}
	add(nil)
}

func FuzzReadPacket(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x07abc\x00\x00\x00\x08"), 3)
	f.Add([]byte("\xff\xff\xff\x00abc"), 64<<10)
	f.Add([]byte("\x05\x00\x00\x00abc"), 100)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		limit = min(limit, 1<<20)
		r := bytes.NewReader(stream)
		payload, seq, err := ReadPacket(r, nil, limit)
		if err != nil {
			return
		}
		if len(payload) > limit {
			t.Fatalf("%d bytes read, limit %d", len(payload), limit)
		}
		framed := AppendPacket(nil, seq, payload)
		if rest := stream[len(stream)-r.Len():]; !bytes.Equal(append(framed, rest...), stream) {
			t.Fatalf("packet %x and rest %x do not make the stream %x", framed, rest, stream)
		}
	})
}

func FuzzGreeting(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseGreeting, Greeting.Append)
	})
}

func FuzzSSLRequest(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseSSLRequest, SSLRequest.Append)
		if _, err := ParseSSLRequest(payload); (err == nil) != IsSSLRequest(payload) {
			t.Fatalf("IsSSLRequest says %v, ParseSSLRequest %v", IsSSLRequest(payload), err)
		}
	})
}

func FuzzHandshakeResponse(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseHandshakeResponse, HandshakeResponse.Append)
	})
}

func FuzzAuthSwitchRequest(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b) })
	f.Add([]byte("\xfe"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseAuthSwitchRequest, AuthSwitchRequest.Append)
	})
}

func FuzzAuthMoreData(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseAuthMoreData, AuthMoreData.Append)
	})
}

func FuzzOK(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b, true); f.Add(b, false) })
	f.Fuzz(func(t *testing.T, payload []byte, track bool) {
		var caps Capability
		if track {
			caps = ClientSessionTrack
		}
		roundTrip(t, payload, func(b []byte) (OK, error) { return ParseOK(b, caps) },
			func(o OK, dst []byte) []byte { return o.Append(dst, caps) })
	})
}

func FuzzERR(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseERR, ERR.Append)
	})
}

func FuzzEOF(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		roundTrip(t, payload, ParseEOF, EOF.Append)
	})
}

func FuzzChangeUser(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b, uint64(libmariadbCaps)); f.Add(b, uint64(0)) })
	f.Fuzz(func(t *testing.T, payload []byte, bits uint64) {
		caps := Capability(bits)
		roundTrip(t, payload, func(b []byte) (ChangeUser, error) { return ParseChangeUser(b, caps) },
			func(u ChangeUser, dst []byte) []byte { return u.Append(dst, caps) })
	})
}

func FuzzQuery(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b, true) })
	f.Add([]byte("\x03\x07\x01\x02\x01\x01\x00\x01a\x08\x00\x01b\x03\x80\x01c\x0c\x00\x01d\x0b\x00\x01e\xfd\x00\x01f\x06\x00\x01g"+
		"\x011234\x04\xea\x07\x0b\x16\x00\xfc\x02\x00hiselect 1"), true)
	f.Fuzz(func(t *testing.T, payload []byte, attributes bool) {
		var caps Capability
		if attributes {
			caps = ClientQueryAttributes
		}
		parse := func(b []byte) (Query, error) { return ParseQuery(b, caps) }
		q, err := readForeign(t, payload, parse)
		if err != nil {
			return
		}
		if !bytes.Equal(q.SQL, payload[q.Offset:]) {
			t.Fatalf("SQL %q is not what follows byte %d of %x", q.SQL, q.Offset, payload)
		}
		const text = "DO 1"
		spliced, err := parse(append(bytes.Clone(payload[:q.Offset]), text...))
		if err != nil || string(spliced.SQL) != text || !reflect.DeepEqual(spliced.Attributes, q.Attributes) {
			t.Fatalf("splice reads as %+v, %v; was %+v", spliced, err, q)
		}
		if plain, err := parse(AppendQuery(nil, string(q.SQL), caps)); err != nil || !bytes.Equal(plain.SQL, q.SQL) {
			t.Fatalf("rewritten query reads as %+v, %v", plain, err)
		}
	})
}

func FuzzPrepare(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		sql, err := readForeign(t, payload, ParsePrepare)
		if err == nil && !bytes.Equal(sql, payload[1:]) {
			t.Fatalf("SQL %q of %x", sql, payload)
		}
	})
}

func FuzzExecute(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b, false, uint16(4)) })
	f.Add([]byte("\x17\x04\x00\x00\x00\x08\x01\x00\x00\x00\x02\x00\x01\xfd\x00\x00\xfe\x00\x01n\x03bob\x01v"), true, uint16(1))
	f.Fuzz(func(t *testing.T, payload []byte, attributes bool, placeholders uint16) {
		var caps Capability
		if attributes {
			caps = ClientQueryAttributes
		}
		n := int(placeholders)
		roundTrip(t, payload, func(b []byte) (Execute, error) { return ParseExecute(b, caps, n, nil) },
			func(e Execute, dst []byte) []byte { return append(dst, appendExecute(e, caps, n)...) })
		// With types from the execution before, the same bytes must be as safe.
		known := []Parameter{{Type: TypeString}, {Type: TypeLongLong}, {Type: TypeTime}, {Type: TypeBlob}}
		_, _ = readForeign(t, payload, func(b []byte) (Execute, error) { return ParseExecute(b, caps, n, known) })
	})
}

func FuzzStatementID(f *testing.F) {
	addSeeds(f, 'C', func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, err := readForeign(t, payload, StatementID)
		if (err == nil) != (len(payload) >= 5) {
			t.Fatalf("%x: %v", payload, err)
		}
	})
}

func FuzzProcessKill(f *testing.F) {
	f.Add([]byte("\x0c\x01\x02\x03\x04"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		id, err := readForeign(t, payload, ParseProcessKill)
		if err == nil && (payload[0] != 0x0c || byte(id) != payload[1] || byte(id>>24) != payload[4]) {
			t.Fatalf("%x reads as %#x", payload, id)
		}
	})
}

func FuzzCutToken(f *testing.F) {
	f.Add([]byte("token\x00"))
	f.Add([]byte("token\x00\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		token := CutToken(payload)
		if !bytes.Equal(token, payload) && !bytes.Equal(append(bytes.Clone(token), 0), payload) {
			t.Fatalf("%q was cut to %q", payload, token)
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	addSeeds(f, 'S', func(b []byte) { f.Add(b[min(len(b), 1):]) })
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParsePublicKey(data)
		if err != nil {
			return
		}
		sealed, err := EncryptPassword("password", make([]byte, NonceSize), key)
		if err == nil && len(sealed) != key.Size() {
			t.Fatalf("%d bytes under a key of %d", len(sealed), key.Size())
		}
	})
}
