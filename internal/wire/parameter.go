package wire

import (
	"errors"
	"fmt"
)

// FieldType is the type of a value in the binary protocol.
type FieldType byte

// The types that a client may send.
const (
	TypeDecimal    FieldType = 0x00
	TypeTiny       FieldType = 0x01
	TypeShort      FieldType = 0x02
	TypeLong       FieldType = 0x03
	TypeFloat      FieldType = 0x04
	TypeDouble     FieldType = 0x05
	TypeNull       FieldType = 0x06
	TypeTimestamp  FieldType = 0x07
	TypeLongLong   FieldType = 0x08
	TypeInt24      FieldType = 0x09
	TypeDate       FieldType = 0x0a
	TypeTime       FieldType = 0x0b
	TypeDatetime   FieldType = 0x0c
	TypeYear       FieldType = 0x0d
	TypeVarchar    FieldType = 0x0f
	TypeBit        FieldType = 0x10
	TypeVector     FieldType = 0xf2
	TypeJSON       FieldType = 0xf5
	TypeNewDecimal FieldType = 0xf6
	TypeEnum       FieldType = 0xf7
	TypeSet        FieldType = 0xf8
	TypeTinyBlob   FieldType = 0xf9
	TypeMediumBlob FieldType = 0xfa
	TypeLongBlob   FieldType = 0xfb
	TypeBlob       FieldType = 0xfc
	TypeVarString  FieldType = 0xfd
	TypeString     FieldType = 0xfe
	TypeGeometry   FieldType = 0xff
)

const (
	// maxParameters is the servers' own limit for one statement.
	maxParameters = 1<<16 - 1
	unsignedFlag  = 0x80
)

// Parameter is one value of COM_STMT_EXECUTE, or one query attribute.
type Parameter struct {
	Name     string // query attributes; "" for a placeholder
	Type     FieldType
	Unsigned bool
	Null     bool
	Value    []byte // as encoded, without its length; aliases the packet
}

// Text returns the value of a parameter that was sent as text or bytes.
func (p Parameter) Text() (string, error) {
	if p.Null {
		return "", errors.New("parameter is NULL")
	}
	switch p.Type {
	case TypeVarchar, TypeVarString, TypeString, TypeEnum, TypeSet,
		TypeTinyBlob, TypeBlob, TypeMediumBlob, TypeLongBlob:
	default:
		return "", fmt.Errorf("parameter of type 0x%02x is no string", byte(p.Type))
	}
	return string(p.Value), nil
}

// parameters reads n values: NULL bitmap, types if the client sends them (else those
// of previous), values. With named, each type carries a name.
func (c *cursor) parameters(n int, named bool, previous []Parameter) []Parameter {
	nulls := c.take((n+7)/8, "NULL bitmap")
	typed := c.u8("types flag") == 1
	switch {
	case c.err != nil:
		return nil
	case typed && c.left() < 2*n: // before the allocation that n decides
		c.fail("parameter types are cut short")
		return nil
	case !typed && len(previous) < n:
		c.fail("parameter types are neither here nor known from before")
		return nil
	}
	params := make([]Parameter, n)
	for i := range params {
		p := &params[i]
		if !typed {
			p.Type, p.Unsigned, p.Name = previous[i].Type, previous[i].Unsigned, previous[i].Name
			continue
		}
		p.Type = FieldType(c.u8("parameter type"))
		p.Unsigned = c.u8("parameter type")&unsignedFlag != 0
		if named {
			p.Name = string(c.lenBytes("parameter name"))
		}
	}
	for i := range params {
		p := &params[i]
		if p.Null = p.Type == TypeNull || nulls[i/8]&(1<<(i%8)) != 0; !p.Null {
			p.Value = c.value(p.Type)
		}
	}
	return params
}

// value reads one value of the binary protocol.
func (c *cursor) value(t FieldType) []byte {
	const what = "parameter value"
	switch t {
	case TypeTiny:
		return c.take(1, what)
	case TypeShort, TypeYear:
		return c.take(2, what)
	case TypeLong, TypeInt24, TypeFloat:
		return c.take(4, what)
	case TypeLongLong, TypeDouble:
		return c.take(8, what)
	case TypeDate, TypeDatetime, TypeTimestamp, TypeTime:
		return c.take(int(c.u8(what)), what)
	case TypeDecimal, TypeNewDecimal, TypeVarchar, TypeVarString, TypeString, TypeEnum, TypeSet,
		TypeTinyBlob, TypeBlob, TypeMediumBlob, TypeLongBlob, TypeBit, TypeJSON, TypeGeometry, TypeVector:
		return c.lenBytes(what)
	}
	c.fail(fmt.Sprintf("parameter type 0x%02x is unknown", byte(t)))
	return nil
}
