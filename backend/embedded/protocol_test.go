//go:build gms_pure_go

package embedded_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestHostileClients: whatever a client sends, others are served.
func TestHostileClients(t *testing.T) {
	e := shop(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 50 { // before sign-in
		conn, err := e.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		payload := noise(random.IntN(200))
		conn.Write(append([]byte{byte(len(payload)), 0, 0, 1}, payload...))
		conn.Write(noise(random.IntN(100)))
		conn.Close()
	}
	prepare := func(c *rawClient) {
		c.send(0, append([]byte{0x16}, "SELECT * FROM shop.t WHERE id = ? AND n = ?"...))
		for range 4 {
			c.packet()
		}
	}
	for command := range 0x21 {
		for _, body := range [][]byte{nil, {0}, noise(3), noise(4), binary.LittleEndian.AppendUint32(nil, 1), append(binary.LittleEndian.AppendUint32(nil, 1), noise(40)...), noise(300)} {
			c := e.raw("u")
			if random.IntN(2) == 0 {
				prepare(c)
			}
			c.trySend(0, append([]byte{byte(command)}, body...))
			c.trySend(0, nil)
			c.CloseWrite()
			for {
				if _, err := c.tryPacket(); err != nil {
					break
				}
			}
			c.Close()
		}
	}
	e.want(e.conn("u"), "SELECT COUNT(*) FROM shop.t", "2")
}

func (c *rawClient) CloseWrite() { c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// TestReplicationIsRefused: a replica that gets no answer would wait for ever.
func TestReplicationIsRefused(t *testing.T) {
	e := start(t)
	e.user("u")
	for _, command := range [][]byte{{0x15, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, append([]byte{0x1e, 0, 0, 1, 0, 0, 0}, make([]byte, 40)...)} {
		c := e.raw("u")
		c.send(0, command)
		if p, err := c.tryPacket(); err == nil && p[0] != 0xff {
			t.Errorf("command %#x: %q", command[0], p)
		}
	}
}

// TestCursor reads rows as Java programs do, a few at a time.
func TestCursor(t *testing.T) {
	e := shop(t)
	e.run(e.DB(), "INSERT INTO shop.t WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, 0 FROM n")
	c := e.raw("u")
	c.send(0, append([]byte{0x16}, "SELECT id FROM shop.t"...))
	prepared := c.packet()
	c.packet() // a column
	c.packet() // EOF
	id := prepared[1:5]
	execute := append(append([]byte{0x17}, id...), 1, 1, 0, 0, 0)
	open := func() {
		c.send(0, execute)
		for range 3 { // column count, column, EOF
			c.packet()
		}
	}
	fetch := func(n uint32) (rows int) {
		c.send(0, binary.LittleEndian.AppendUint32(append([]byte{0x1c}, id...), n))
		for ; ; rows++ {
			if p := c.packet(); p[0] == 0xfe && len(p) < 9 {
				return rows
			} else if p[0] == 0xff {
				t.Fatalf("%q", p)
			}
		}
	}
	open()
	// The engine is still in the middle of it.
	c.send(0, append([]byte{3}, "SELECT 1"...))
	if p := c.packet(); p[0] != 0xff || binary.LittleEndian.Uint16(p[1:]) != 1235 {
		t.Errorf("another statement while a cursor is open: %q", p)
	}
	e.run(e.DB(), "CREATE TABLE shop.more (n INT)", "UPDATE shop.t SET n = 1")
	if first, rest := fetch(200), fetch(1000); first != 200 || rest != 300 {
		t.Errorf("fetched %d and %d rows of 500", first, rest)
	}
	if s := c.status("SELECT 1"); s&1 != 0 {
		t.Errorf("after the cursor, status %x", s)
	}
	open()
	c.Close() // with a cursor open
	e.run(e.DB(), "DROP TABLE shop.more", "UPDATE shop.t SET n = 1")
}

// TestSlowReaderHoldsNobodyUp: its rows wait in the pipe and in the engine.
func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	e := shop(t)
	e.run(e.DB(), "CREATE TABLE shop.big (id INT PRIMARY KEY, s TEXT)", "SET @s = REPEAT('x', 10000)")
	conn := e.connOf(e.DB())
	for i := range 300 {
		if _, err := conn.ExecContext(t.Context(), "INSERT INTO shop.big VALUES (?, REPEAT('x', 10000))", i); err != nil {
			t.Fatal(err)
		}
	}
	c := e.raw("u")
	c.send(0, append([]byte{3}, "SELECT * FROM shop.big"...))
	c.packet() // its answer has begun
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for _, statement := range []string{"CREATE TABLE shop.more (n INT)", "UPDATE shop.t SET n = 1", "DROP TABLE shop.big"} {
		if _, err := e.DB().ExecContext(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestManyConnections(t *testing.T) {
	e := shop(t)
	var running sync.WaitGroup
	for range 200 {
		running.Go(func() {
			db := e.open("u", inShop)
			if got, err := e.tryAsk(db, "SELECT COUNT(*) FROM t"); err != nil || got != "2" {
				t.Errorf("%q, %v", got, err)
			}
			db.Close()
		})
	}
	running.Wait()
}
