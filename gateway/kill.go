package gateway

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

// A client knows its connection by the id of the greeting, which was sent before a
// backend was chosen, and uses it to interrupt itself: the mysql client sends KILL
// QUERY with it, over another connection, at Ctrl-C. Passed on as it is, it could end
// somebody else's query.

// connectionIDs are the ids that clients know, with those that the backends gave.
type connectionIDs struct {
	mu  sync.Mutex
	ids map[uint32]backendID
}

// backendID is the id of a connection at the backend of a server. It means another connection, or
// none, at the backend of any other.
type backendID struct {
	server string // unique id
	id     uint32
}

func newConnectionIDs() *connectionIDs { return &connectionIDs{ids: map[uint32]backendID{}} }

func (c *connectionIDs) set(id uint32, as signedIn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[id] = backendID{as.server.UniqueID, as.conn.id}
}

func (c *connectionIDs) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ids, id)
}

// ofBackend is the backend's id for a connection to server that this gateway greeted with id.
// An id that the backend gave itself (CONNECTION_ID(), SHOW PROCESSLIST) stays, and so does that
// of another server's connection: the backend knows it as little as its clients may.
func (c *connectionIDs) ofBackend(id uint32, server midas.Server) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.ids[id]; ok && known.server == server.UniqueID {
		return known.id
	}
	return id
}

// looksLikeKill is a cheap test of the first word.
func looksLikeKill(sql []byte) bool {
	sql = bytes.TrimLeft(sql, " \t\r\n")
	return len(sql) > 4 && bytes.EqualFold(sql[:4], []byte("kill")) && strings.IndexByte(" \t\r\n", sql[4]) >= 0
}

// kill passes KILL [HARD | SOFT] [CONNECTION | QUERY] id on with the backend's id.
//
// https://dev.mysql.com/doc/refman/9.7/en/kill.html
func kill(x *exchange, ids *connectionIDs, server midas.Server, payload []byte) error {
	query, err := wire.ParseQuery(payload, x.client.caps())
	if err != nil {
		return x.sendReplacement(payload)
	}
	words := strings.Fields(strings.TrimRight(string(query.SQL), "; \t\r\n\x00"))
	last := len(words) - 1
	id, err := strconv.ParseUint(words[last], 10, 32)
	if err != nil || last > 3 {
		return x.sendReplacement(payload)
	}
	words[last] = strconv.FormatUint(uint64(ids.ofBackend(uint32(id), server)), 10)
	return x.sendReplacement(append(payload[:query.Offset:query.Offset], strings.Join(words, " ")...))
}

// processKill is the same for the command that older clients send.
func processKill(x *exchange, ids *connectionIDs, server midas.Server, length int) (bool, error) {
	if length != 5 {
		return false, nil
	}
	payload, err := x.take(length)
	if err != nil {
		return true, err
	}
	id, err := wire.ParseProcessKill(payload)
	if err != nil {
		return true, x.fail(answerf(mysqlerr.MalformedPacket, "%v", err))
	}
	binary.LittleEndian.PutUint32(payload[1:], ids.ofBackend(id, server))
	return true, x.sendReplacement(payload)
}
