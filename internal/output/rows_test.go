package output

import (
	"bytes"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

func TestRowsOnATerminal(t *testing.T) {
	db := mysqltest.MariaDB(t).DB()
	const statement = `SELECT CONCAT('a', CHAR(27), '[2J', CHAR(9), CHAR(10), '\\', _utf8mb4 X'E280AE'), NULL`
	for terminal, want := range map[bool]string{
		true:  `a\x1b[2J\t\n\\\u202e` + "\tNULL\n",
		false: "a\x1b[2J" + `\t\n\\` + "\u202e\tNULL\n",
	} {
		var out bytes.Buffer
		if err := printRows(t.Context(), db, statement, &out, terminal); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("terminal %t: %q, want %q", terminal, out.String(), want)
		}
	}
}
