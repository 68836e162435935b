package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/midas-mysql/midas/internal/mysqlerr"
)

const (
	headerOK  = 0x00
	headerEOF = 0xfe
	headerERR = 0xff
	// maxEOF is the size at which a packet beginning 0xfe can no longer be an EOF:
	// it is then a row, or an OK in an EOF's place.
	maxEOF = 9
	// defaultState stands in for a SQLSTATE that is not five bytes long.
	defaultState = mysqlerr.General
)

// IsOK reports whether payload is an OK packet in answer to a command or sign-in.
func IsOK(payload []byte) bool { return begins(payload, headerOK) }

// IsERR reports whether payload is an ERR packet.
func IsERR(payload []byte) bool { return begins(payload, headerERR) }

// IsEOF reports whether payload is an EOF packet. In the connection phase a packet
// like it is an AuthSwitchRequest.
func IsEOF(payload []byte) bool { return begins(payload, headerEOF) && len(payload) < maxEOF }

// OK says that a command or the sign-in succeeded.
type OK struct {
	AffectedRows uint64
	LastInsertID uint64
	Status       Status
	Warnings     uint16
	Info         string
	// SessionState is the raw block of state changes. It is sent when
	// ClientSessionTrack is on and Status has StatusSessionStateChanged.
	SessionState []byte
}

// Append appends the payload of o to dst, in the layout that caps select.
func (o OK) Append(dst []byte, caps Capability) []byte {
	dst = appendLenenc(append(dst, headerOK), o.AffectedRows)
	dst = appendLenenc(dst, o.LastInsertID)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(o.Status))
	dst = binary.LittleEndian.AppendUint16(dst, o.Warnings)
	if !caps.Has(ClientSessionTrack) {
		return append(dst, o.Info...)
	}
	changed := o.Status.Has(StatusSessionStateChanged)
	if o.Info != "" || changed {
		dst = appendLenBytes(dst, o.Info)
	}
	if changed {
		dst = appendLenBytes(dst, o.SessionState)
	}
	return dst
}

// ParseOK decodes an OK payload, also one that stands in an EOF's place (0xfe).
func ParseOK(payload []byte, caps Capability) (OK, error) {
	c := &cursor{packet: "OK packet", b: payload}
	if !begins(payload, headerEOF) {
		c.header(headerOK)
	} else {
		c.header(headerEOF)
	}
	var o OK
	o.AffectedRows = c.lenenc("affected rows")
	o.LastInsertID = c.lenenc("last insert id")
	o.Status = Status(c.u16("status"))
	o.Warnings = c.u16("warnings")
	switch {
	case !caps.Has(ClientSessionTrack):
		o.Info = string(c.rest())
	case c.left() > 0:
		o.Info = string(c.lenBytes("message"))
		if o.Status.Has(StatusSessionStateChanged) && c.left() > 0 {
			o.SessionState = copyOf(c.lenBytes("session state"))
		}
	}
	if c.err != nil {
		return OK{}, c.err
	}
	return o, nil
}

// ERR says that a command or the sign-in failed. It is an error, with the text that
// MySQL's command line shows.
type ERR struct {
	Code uint16
	// State is the SQLSTATE, five bytes; "" in an ERR sent in place of a greeting,
	// where it has none.
	State   string
	Message string
}

// NewERR makes an ERR with the state that belongs to code.
func NewERR(code uint16, format string, args ...any) ERR {
	return ERR{Code: code, State: mysqlerr.State(code), Message: fmt.Sprintf(format, args...)}
}

func (e ERR) Error() string {
	if e.State == "" {
		return fmt.Sprintf("ERROR %d: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("ERROR %d (%s): %s", e.Code, e.State, e.Message)
}

// Append appends the payload of e to dst.
func (e ERR) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, headerERR), e.Code)
	if e.State != "" {
		state := e.State
		if len(state) != len(defaultState) {
			state = defaultState
		}
		dst = append(append(dst, '#'), state...)
	}
	return append(dst, e.Message...)
}

// ParseERR decodes an ERR payload.
func ParseERR(payload []byte) (ERR, error) {
	c := &cursor{packet: "ERR packet", b: payload}
	c.header(headerERR)
	e := ERR{Code: c.u16("error number")}
	if c.left() > len(defaultState) && c.b[c.off] == '#' {
		e.State = string(c.take(1+len(defaultState), "state")[1:])
	}
	e.Message = string(c.rest())
	if c.err != nil {
		return ERR{}, c.err
	}
	return e, nil
}

// EOF ends a list of packets for clients without ClientDeprecateEOF.
type EOF struct {
	Warnings uint16
	Status   Status
}

// Append appends the payload of e to dst.
func (e EOF) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, headerEOF), e.Warnings)
	return binary.LittleEndian.AppendUint16(dst, uint16(e.Status))
}

// ParseEOF decodes an EOF payload.
func ParseEOF(payload []byte) (EOF, error) {
	c := &cursor{packet: "EOF packet", b: payload}
	c.header(headerEOF)
	e := EOF{Warnings: c.u16("warnings"), Status: Status(c.u16("status"))}
	if c.err == nil && len(payload) >= maxEOF {
		c.fail("it is too long")
	}
	if c.err != nil {
		return EOF{}, c.err
	}
	return e, nil
}
