//go:build gms_pure_go

package embedded

import (
	"fmt"
	"slices"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
)

// utf8Sets are the character sets of clients whose text the engine reads right: it takes
// all text for UTF-8.
var utf8Sets = []string{"utf8mb4", "utf8mb3", "utf8", "ascii", "binary"}

// adoptCharset gives the session the character set that the client named at sign-in,
// which the engine leaves unread.
func (s *session) adoptCharset() error {
	collation := sql.CollationID(s.conn.CharacterSet)
	if collation == sql.Collation_Unspecified || collation.Name() == "" {
		return nil // MySQL takes its default for what it does not know
	}
	name := collation.CharacterSet().Name()
	if err := mayUse(name); err != nil {
		return err
	}
	ec, err := s.engineContext(s.ctx)
	if err != nil {
		return err
	}
	for _, variable := range charsetVariables {
		if err := ec.SetSessionVariable(ec, variable, name); err != nil {
			return err
		}
	}
	return nil
}

// charsetVariables are those that a client sets with SET NAMES.
var charsetVariables = []string{"character_set_client", "character_set_connection", "character_set_results"}

// mayUse refuses the character sets that the engine lists and does not have: it panics at
// the first literal. Those of two bytes and more a character MySQL has for no client.
func mayUse(name string) error {
	set, err := sql.ParseCharacterSet(name)
	if err != nil {
		return nil // the engine refuses it
	}
	if set.Encoder() == nil || slices.Contains([]string{"ucs2", "utf16", "utf16le", "utf32"}, set.Name()) {
		return refuse("character set %s of clients; use utf8mb4", set.Name())
	}
	return nil
}

// readable refuses text that the engine would read as other characters than the client
// wrote, which may be as other statements: in some sets a quote or a backslash is the
// second half of a character. In all sets of clients ASCII reads the same.
func readable[text string | []byte](ec *sql.Context, t text) error {
	set, err := ec.GetSessionVariable(ec, "character_set_client")
	if err != nil {
		return err
	}
	name, ok := set.(string)
	if !ok || slices.Contains(utf8Sets, name) {
		return nil
	}
	for i := range len(t) {
		if t[i] >= 0x80 {
			return refuse("text that is not ASCII in character set %s; use utf8mb4", name)
		}
	}
	return nil
}

// readableValues is readable for what a client fills a prepared statement with. Blobs
// have no character set.
func (s *session) readableValues(prepare *mysql.PrepareData) error {
	ec, err := s.engineContext(s.ctx)
	if err != nil {
		return err
	}
	for i, t := range prepare.ParamsType {
		v := prepare.BindVars[fmt.Sprintf("v%d", i+1)]
		if t := querypb.Type(t); v == nil || t != sqltypes.VarChar && t != sqltypes.Char {
			continue
		}
		if err := readable(ec, v.Value); err != nil {
			return err
		}
	}
	return nil
}
