package output

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
)

// escapeCell spells what would break a line of tab-separated text as the mysql client
// does in batch mode.
var escapeCell = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\x00", `\0`, `\`, `\\`)

// Rows runs statements and prints the rows of all of their results: as an answer, see
// Print, or as the mysql client does in batch mode.
func (t *Terminal) Rows(ctx context.Context, db *sql.DB, statements string, answer bool) error {
	if answer {
		return t.printResults(ctx, db, statements)
	}
	return printRows(ctx, db, statements, t.Out, IsTerminal(t.Out))
}

// printRows runs statements and writes the rows of all of their results, one line
// each, tab-separated, NULL as NULL. A program gets the other bytes of a cell as they are,
// as from the mysql client; a terminal obeys nothing in them.
func printRows(ctx context.Context, db *sql.DB, statements string, w io.Writer, toTerminal bool) error {
	rows, err := db.QueryContext(ctx, statements)
	if err != nil {
		return StatementError(err)
	}
	defer rows.Close()
	out := bufio.NewWriter(w)
	for more := true; more; more = rows.NextResultSet() {
		if err := printResult(rows, out, toTerminal); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return errors.Join(out.Flush(), StatementError(err))
	}
	return out.Flush()
}

func printResult(rows *sql.Rows, out *bufio.Writer, toTerminal bool) error {
	columns, err := rows.Columns()
	if err != nil {
		return StatementError(err)
	}
	cells := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return StatementError(err)
		}
		for i, cell := range cells {
			if i > 0 {
				out.WriteByte('\t')
			}
			switch {
			case !cell.Valid:
				out.WriteString("NULL")
			case toTerminal:
				out.WriteString(Printable(escapeCell.Replace(cell.String)))
			default:
				escapeCell.WriteString(out, cell.String)
			}
		}
		out.WriteByte('\n')
	}
	return nil
}

// printResults runs statements and prints their rows as objects, values as texts.
func (t *Terminal) printResults(ctx context.Context, db *sql.DB, statements string) error {
	rows, err := db.QueryContext(ctx, statements)
	if err != nil {
		return StatementError(err)
	}
	defer rows.Close()
	var results []any
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.Columns()
		if err != nil {
			return StatementError(err)
		}
		if len(columns) == 0 {
			continue // of a statement that has no rows
		}
		result, err := objects(rows, columns)
		if err != nil {
			return StatementError(err)
		}
		results = append(results, result)
	}
	if err := rows.Err(); err != nil {
		return StatementError(err)
	}
	if len(results) == 1 {
		return t.Print(results[0])
	}
	return t.Print(results)
}

func objects(rows *sql.Rows, columns []string) ([]map[string]*string, error) {
	all := []map[string]*string{}
	for rows.Next() {
		one, into := map[string]*string{}, make([]any, len(columns))
		cells := make([]*string, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, column := range columns {
			one[column] = cells[i]
		}
		all = append(all, one)
	}
	return all, nil
}

// StatementError classes what the server said of a statement. Errors of connecting
// have a class already.
func StatementError(err error) error {
	var refusal *mysql.MySQLError
	if errors.As(err, new(*midas.Error)) || !errors.As(err, &refusal) {
		return err
	}
	return midas.Errorf(midas.Invalid, "the server refused: %w", err)
}
