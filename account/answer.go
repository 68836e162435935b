package account

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// maxBytes is how much midas reads of the rows or accounts that a backend has. Those who may write
// there can put any amount, in columns that they widened, and midas would have all of that in its
// memory, which is that of all servers.
const maxBytes = 64 << 20

// Expressions over midas.aaduser: its columns as midas reads them, their total size, and whether a row
// has a text longer than any that midas writes.
var (
	sumBytes = "COALESCE(SUM(LENGTH(" + strings.ReplaceAll(columns, ", ", ")), 0) + COALESCE(SUM(LENGTH(") + ")), 0)"
	// The first that is too long ends the search: the sum of many would take long.
	hasLong = "EXISTS (SELECT 1 FROM " + aaduser + " WHERE LENGTH(" + strings.ReplaceAll(columns, ", ", ") > 4096 OR LENGTH(") + ") > 4096)"
	// The embedded engine has LEFT of texts only, and two columns are numbers.
	cut = clipped(strings.Split("CONCAT("+strings.ReplaceAll(columns, ", ", ",'')|CONCAT(")+",'')", "|")...)
)

// errFlooded is the error of a table that has more. The table is put aside, and made again from the copy.
var errFlooded = errors.New("it has more than " + strconv.Itoa(maxRows) + " rows, or more in them than midas reads")

// errTooMany is the error of accounts that would take more memory than midas gives to one server's.
var errTooMany = errors.New("there are more with the mark or name of an AADUSER than midas reads")

// clipped has the backend cut each text a little above the longest that midas writes, so that a text
// that was cut never equals one of midas's.
func clipped(expressions ...string) string {
	const most = ", 1024)"
	return "LEFT(" + strings.Join(expressions, most+", LEFT(") + most
}

// answer counts what midas keeps of what a backend sends.
type answer struct{ bytes int }

// fits tells whether there is room for one more row.
func (a *answer) fits(texts ...sql.NullString) bool {
	const perRow = 256 // in midas's memory, beside the texts
	a.bytes += perRow
	for _, t := range texts {
		a.bytes += len(t.String)
	}
	return a.bytes <= maxBytes
}
