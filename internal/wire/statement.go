package wire

import (
	"encoding/binary"
	"fmt"
)

// Query is COM_QUERY.
type Query struct {
	SQL []byte // aliases the payload
	// Offset is where SQL begins in the payload: payload[:Offset] followed by other
	// text is the same query, attributes included, with that text.
	Offset     int
	Attributes []Parameter // with ClientQueryAttributes
}

// ParseQuery finds the SQL of a COM_QUERY payload, command byte included. payload may
// be the head of a longer one as long as it holds all attributes; SQL is then a head
// too.
func ParseQuery(payload []byte, caps Capability) (Query, error) {
	c := &cursor{packet: "COM_QUERY", b: payload}
	c.header(byte(ComQuery))
	var q Query
	if caps.Has(ClientQueryAttributes) {
		n := c.lenenc("parameter count")
		if sets := c.lenenc("parameter set count"); c.err == nil && sets != 1 {
			c.fail("it has not one set of parameters")
		}
		if c.err == nil && n > maxParameters {
			c.fail("too many parameters")
		}
		if c.err == nil && n > 0 {
			q.Attributes = c.parameters(int(n), true, nil)
		}
	}
	if c.err != nil {
		return Query{}, c.err
	}
	q.Offset = c.off
	q.SQL = c.rest()
	return q, nil
}

// AppendQuery appends the payload of a COM_QUERY without attributes to dst.
func AppendQuery(dst []byte, sql string, caps Capability) []byte {
	dst = append(dst, byte(ComQuery))
	if caps.Has(ClientQueryAttributes) {
		dst = append(dst, 0, 1) // no parameters, in one set
	}
	return append(dst, sql...)
}

// ParsePrepare returns the SQL of a COM_STMT_PREPARE payload, command byte included;
// it aliases the payload and begins at byte 1.
func ParsePrepare(payload []byte) ([]byte, error) {
	c := &cursor{packet: "COM_STMT_PREPARE", b: payload}
	c.header(byte(ComStmtPrepare))
	sql := c.rest()
	return sql, c.err
}

// PrepareOK answers COM_STMT_PREPARE for a statement without a result set.
type PrepareOK struct {
	StatementID uint32
	Parameters  uint16
	Warnings    uint16
	Status      Status // for the EOF of older clients
}

// parameterDefinition describes any parameter: nothing is known of a parameter
// before it is bound, and servers say so with a name of "?" and a string type.
type parameterDefinition struct {
	collation uint16
	length    uint32
	typ       FieldType
	decimals  byte
}

// anyString is what MySQL 9.7 answers: utf8mb4_general_ci (which MariaDB knows too),
// 65,532 bytes, a dynamic string.
var anyString = parameterDefinition{collation: 45, length: 65532, typ: TypeVarString, decimals: 0x1f}

func (d parameterDefinition) append(dst []byte, caps Capability) []byte {
	dst = appendLenBytes(dst, "def")
	dst = append(dst, 0, 0, 0) // schema, table, original table
	dst = appendLenBytes(dst, "?")
	dst = append(dst, 0) // original name
	if caps.Has(MariaDBExtendedMetadata) {
		dst = append(dst, 0)
	}
	dst = append(dst, 0x0c) // length of what follows
	dst = binary.LittleEndian.AppendUint16(dst, d.collation)
	dst = binary.LittleEndian.AppendUint32(dst, d.length)
	return append(dst, byte(d.typ), 0, 0, d.decimals, 0, 0)
}

// AppendPackets appends the whole answer, headers included, to dst: the OK, numbered
// seq, one definition for each parameter and, without ClientDeprecateEOF, an EOF.
func (p PrepareOK) AppendPackets(dst []byte, seq byte, caps Capability) []byte {
	ok := binary.LittleEndian.AppendUint32([]byte{headerOK}, p.StatementID)
	ok = binary.LittleEndian.AppendUint16(ok, 0) // columns
	ok = binary.LittleEndian.AppendUint16(ok, p.Parameters)
	ok = binary.LittleEndian.AppendUint16(append(ok, 0), p.Warnings)
	if caps.Has(ClientOptionalResultsetMetadata) {
		ok = append(ok, 1) // the definitions follow
	}
	dst = AppendPacket(dst, seq, ok)
	if p.Parameters == 0 {
		return dst
	}
	definition := anyString.append(nil, caps)
	for range p.Parameters {
		seq++
		dst = AppendPacket(dst, seq, definition)
	}
	if !caps.Has(ClientDeprecateEOF) {
		seq++
		dst = AppendPacket(dst, seq, EOF{Status: p.Status}.Append(nil))
	}
	return dst
}

// The flags of COM_STMT_EXECUTE that change its layout or its answer.
const (
	ExecuteCursorReadOnly     byte = 0x01
	ExecuteParameterCountHere byte = 0x08 // PARAMETER_COUNT_AVAILABLE
)

// Execute is COM_STMT_EXECUTE.
type Execute struct {
	StatementID uint32 // MariaDB: 0xffffffff means the one prepared last
	Flags       byte
	// Parameters are the placeholders' values in order, then the query attributes.
	Parameters []Parameter
}

// StatementID returns the statement that a COM_STMT_EXECUTE, COM_STMT_CLOSE,
// COM_STMT_RESET, COM_STMT_FETCH or COM_STMT_SEND_LONG_DATA payload is about.
func StatementID(payload []byte) (uint32, error) {
	c := &cursor{packet: "statement command", b: payload}
	c.u8("command")
	id := c.u32("statement id")
	return id, c.err
}

// ParseExecute decodes a COM_STMT_EXECUTE payload, command byte included. The packet
// does not tell how many placeholders the statement has, nor, after its first
// execution, their types: placeholders is the count of its PrepareOK, and previous
// the parameters of the execution before, or nil. What was sent by
// COM_STMT_SEND_LONG_DATA is missing here and makes the rest unreadable, so a caller
// that saw one must refuse the statement.
func ParseExecute(payload []byte, caps Capability, placeholders int, previous []Parameter) (Execute, error) {
	c := &cursor{packet: "COM_STMT_EXECUTE", b: payload}
	c.header(byte(ComStmtExecute))
	e := Execute{StatementID: c.u32("statement id"), Flags: c.u8("flags")}
	c.take(4, "iteration count")
	least := uint64(max(placeholders, 0))
	n := least
	named := caps.Has(ClientQueryAttributes)
	// As MySQL reads it: the flag matters only to a statement without placeholders.
	if named && (least > 0 || e.Flags&ExecuteParameterCountHere != 0) {
		if n = c.lenenc("parameter count"); c.err == nil && n < least {
			c.fail("fewer parameters than the statement has")
		}
	}
	if c.err == nil && n > maxParameters {
		c.fail("too many parameters")
	}
	if c.err == nil && n > 0 {
		e.Parameters = c.parameters(int(n), named, previous)
	}
	if c.err != nil {
		return Execute{}, c.err
	}
	return e, nil
}

// Texts returns the first n parameters, the values of a statement's placeholders,
// all of which must be strings.
func (e Execute) Texts(n int) ([]string, error) {
	if n < 0 || n > len(e.Parameters) {
		return nil, fmt.Errorf("statement has %d parameters, not %d", len(e.Parameters), n)
	}
	texts := make([]string, n)
	for i := range texts {
		t, err := e.Parameters[i].Text()
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		texts[i] = t
	}
	return texts, nil
}

// ParseProcessKill returns the connection id of a COM_PROCESS_KILL payload.
func ParseProcessKill(payload []byte) (uint32, error) {
	c := &cursor{packet: "COM_PROCESS_KILL", b: payload}
	c.header(byte(ComProcessKill))
	id := c.u32("connection id")
	return id, c.err
}
