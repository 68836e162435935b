package wire

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// captured is one packet of a session recorded between a real client and a real
// server.
type captured struct {
	from    byte // 'C' or 'S'
	seq     byte
	payload []byte
}

func loadCapture(t testing.TB, name string) []captured {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var packets []captured
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var p captured
		var text string
		if _, err := fmt.Sscanf(lines.Text(), "%c %d %s", &p.from, &p.seq, &text); err != nil {
			t.Fatalf("%s: %q: %v", name, lines.Text(), err)
		}
		if p.payload, err = hex.DecodeString(text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		packets = append(packets, p)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(packets) == 0 {
		t.Fatalf("%s holds no packets", name)
	}
	return packets
}

// seeds returns every payload that side sent in all recorded sessions.
func seeds(f *testing.F, side byte) [][]byte {
	f.Helper()
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		f.Fatalf("no recorded sessions: %v", err)
	}
	var all [][]byte
	for _, name := range names {
		for _, p := range loadCapture(f, filepath.Base(name)) {
			if p.from == side {
				all = append(all, p.payload)
			}
		}
	}
	return all
}

// fromHex decodes hexadecimal text that may hold spaces and line breaks.
func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
