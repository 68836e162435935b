package account

import (
	"fmt"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// Statement is CreateUser or SetValidate.
type Statement interface {
	// Params is how many values Bind needs: one for each ? of the text.
	Params() int
	// Bind returns the statement with its placeholders filled, in the order of the
	// text. Errors are Invalid: the number of values is wrong, or one of them is.
	Bind(args []string) (Statement, error)
	// String is the statement as text that Parse reads back whatever the SQL mode.
	fmt.Stringer
}

var (
	_ Statement = CreateUser{}
	_ Statement = SetValidate{}
)

// Field is a part of a statement that a placeholder can stand for.
type Field string

// The fields, in the order in which they can appear.
const (
	FieldName  Field = "name"
	FieldHost  Field = "host"
	FieldAlias Field = "alias"
	FieldID    Field = "id"
	FieldValue Field = "value" // of SetValidate
)

// CreateUser is CREATE AADUSER [IF NOT EXISTS] name[@host] [AS alias | IDENTIFIED BY id].
type CreateUser struct {
	Name        string // a user principal name, a group's or an application's display name
	Host        string // "%" unless given
	Alias       string // MySQL user name when Name cannot be it; "" for none
	ID          string // client id or object id, lower case; "" for none
	IfNotExists bool
	// Placeholders are the fields still to be bound.
	Placeholders []Field
}

// User is the name of the MySQL account: the alias if there is one.
func (c CreateUser) User() string {
	if c.Alias != "" {
		return c.Alias
	}
	return c.Name
}

// Params implements Statement.
func (c CreateUser) Params() int { return len(c.Placeholders) }

// Bind implements Statement.
func (c CreateUser) Bind(args []string) (Statement, error) {
	if err := countArgs(c, args); err != nil {
		return nil, err
	}
	for i, field := range c.Placeholders {
		switch field {
		case FieldName:
			c.Name = args[i]
		case FieldHost:
			c.Host = args[i]
		case FieldAlias:
			c.Alias = args[i]
			if c.Alias == "" {
				return nil, refuse(mysqlerr.Parse, midas.Invalid, "the alias is empty")
			}
		case FieldID:
			c.ID = args[i]
			if c.ID == "" {
				return nil, refuse(mysqlerr.Parse, midas.Invalid, "IDENTIFIED BY is empty").WithHint(hintID)
			}
		}
	}
	c.Placeholders = nil
	return c.checked()
}

// checked returns c with host and id in the form in which they are compared.
func (c CreateUser) checked() (CreateUser, error) {
	open := func(f Field) bool {
		for _, p := range c.Placeholders {
			if p == f {
				return true
			}
		}
		return false
	}
	var err error
	if !open(FieldHost) {
		if c.Host, err = cleanHost(c.Host); err != nil {
			return c, err
		}
	}
	if c.ID != "" {
		if c.ID, err = cleanID(c.ID); err != nil {
			return c, err
		}
	}
	switch {
	case c.Alias != "":
		err = checkUserName(c.Alias)
	case !open(FieldAlias) && !open(FieldName):
		err = checkUserName(c.Name)
	}
	if err == nil && !open(FieldName) {
		err = checkDirectoryName(c.Name)
	}
	return c, err
}

// String implements Statement. Names stand between backquotes, where no SQL mode gives
// another character a meaning.
func (c CreateUser) String() string {
	left := c.Placeholders
	value := func(field Field, text string) string {
		if len(left) > 0 && left[0] == field {
			left = left[1:]
			return "?"
		}
		return quoteName(text)
	}
	var b strings.Builder
	b.WriteString("CREATE AADUSER ")
	if c.IfNotExists {
		b.WriteString("IF NOT EXISTS ")
	}
	b.WriteString(value(FieldName, c.Name))
	b.WriteString("@" + value(FieldHost, c.Host))
	switch {
	case c.Alias != "" || (len(left) > 0 && left[0] == FieldAlias):
		b.WriteString(" AS " + value(FieldAlias, c.Alias))
	case c.ID != "":
		b.WriteString(" IDENTIFIED BY '" + c.ID + "'")
	case len(left) > 0:
		b.WriteString(" IDENTIFIED BY ?")
	}
	return b.String()
}

// SetValidate is SET aad_auth_validate_oids_in_tenant = ON|OFF: whether CREATE AADUSER
// of this session checks ids against the directory.
type SetValidate struct {
	On           bool
	Placeholders []Field
}

// Params implements Statement.
func (v SetValidate) Params() int { return len(v.Placeholders) }

// Bind implements Statement.
func (v SetValidate) Bind(args []string) (Statement, error) {
	if err := countArgs(v, args); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		on, ok := parseSwitch(args[0])
		if !ok {
			return nil, refuse(mysqlerr.WrongValueForVar, midas.Invalid,
				"variable '%s' can't be set to the value of '%s'", validateVariable, abridge(args[0]))
		}
		v = SetValidate{On: on}
	}
	return v, nil
}

// String implements Statement.
func (v SetValidate) String() string {
	value := "OFF"
	switch {
	case len(v.Placeholders) > 0:
		value = "?"
	case v.On:
		value = "ON"
	}
	return "SET " + validateVariable + " = " + value
}

func countArgs(s Statement, args []string) error {
	if len(args) != s.Params() {
		return refuse(mysqlerr.WrongArguments, midas.Invalid, "%d values for %d placeholders", len(args), s.Params())
	}
	return nil
}

// parseSwitch reads the value of a boolean variable. DEFAULT is ON.
func parseSwitch(text string) (on, ok bool) {
	switch strings.ToUpper(text) {
	case "ON", "TRUE", "1", "DEFAULT":
		return true, true
	case "OFF", "FALSE", "0":
		return false, true
	}
	return false, false
}

// quoteName quotes an identifier for text sent to a server: only the backquote itself
// is special there, whatever the SQL mode.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteAccount quotes an account name.
func quoteAccount(user, host string) string { return quoteName(user) + "@" + quoteName(host) }
