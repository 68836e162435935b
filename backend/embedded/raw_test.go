//go:build gms_pure_go

package embedded_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// rawClient speaks the protocol by hand: what a driver would never send, and what it does
// not show.
type rawClient struct {
	*engine
	net.Conn
	in *bufio.Reader
}

const (
	protocol41 = 1 << 9
	secure     = 1 << 15
	multi      = 1 << 16
	results    = 1 << 17
	plugins    = 1 << 19
)

// raw signs in.
func (e *engine) raw(user string) *rawClient {
	e.Helper()
	conn, err := e.Dial(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &rawClient{e, conn, bufio.NewReader(conn)}
	greeting := c.packet()
	rest := greeting[1:]
	for rest[0] != 0 { // version
		rest = rest[1:]
	}
	rest = rest[5:]
	nonce := append(append([]byte{}, rest[:8]...), rest[8+1+2+1+2+2+1+10:][:12]...)
	response := binary.LittleEndian.AppendUint32(nil, protocol41|secure|multi|results|plugins)
	response = append(response, make([]byte, 4+1+23)...)
	response = append(append(response, user...), 0)
	response = append(append(response, 20), scramble(nonce)...)
	response = append(append(response, "mysql_native_password"...), 0)
	c.send(1, response)
	if answer := c.packet(); answer[0] != 0 {
		e.Fatalf("sign-in: %q", answer)
	}
	return c
}

func scramble(nonce []byte) []byte {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	mask := sha1.Sum(append(append([]byte{}, nonce...), twice[:]...))
	for i := range mask {
		mask[i] ^= once[i]
	}
	return mask[:]
}

func (c *rawClient) send(seq byte, payload []byte) {
	c.Helper()
	if err := c.trySend(seq, payload); err != nil {
		c.Fatal(err)
	}
}

// trySend is for a server that may have hung up.
func (c *rawClient) trySend(seq byte, payload []byte) error {
	header := []byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), seq}
	_, err := c.Write(append(header, payload...))
	return err
}

func (c *rawClient) packet() []byte {
	c.Helper()
	payload, err := c.tryPacket()
	if err != nil {
		c.Fatal(err)
	}
	return payload
}

func (c *rawClient) tryPacket() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(c.in, header[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	_, err := io.ReadFull(c.in, payload)
	return payload, err
}

// status runs a statement and returns the status flags of its OK or last EOF packet.
func (c *rawClient) status(statement string) uint16 {
	c.Helper()
	c.send(0, append([]byte{3}, statement...))
	for ends := 0; ; {
		switch p := c.packet(); {
		case p[0] == 0xff:
			c.Fatalf("%s: %q", statement, p)
		case ends == 0 && p[0] == 0:
			return binary.LittleEndian.Uint16(p[3:])
		case p[0] == 0xfe && len(p) < 9:
			if ends++; ends == 2 {
				return binary.LittleEndian.Uint16(p[3:])
			}
		}
	}
}
