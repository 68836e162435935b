package account

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
)

const maxServerID = 512

// Names compare byte for byte, as MySQL compares user names. The unique key refuses two
// rows for one backend account. The column server is this server's id in all rows, but for
// those that a former midas left where servers shared a backend. The engine is named since a server's default may be
// one that loses rows in a crash.
var schema = []string{
	"CREATE DATABASE IF NOT EXISTS midas CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
	"CREATE TABLE IF NOT EXISTS midas.aaduser (" +
		"`mapping` VARCHAR(36) NOT NULL, " +
		"`server` VARCHAR(512) NOT NULL, " +
		"`user` VARCHAR(32) NOT NULL, " +
		"`host` VARCHAR(255) NOT NULL, " +
		"`issuer` VARCHAR(512), " +
		"`tenant` VARCHAR(64), " +
		"`kind` VARCHAR(16) NOT NULL, " +
		"`principal` VARCHAR(36) NOT NULL, " +
		"`directory_name` VARCHAR(256) NOT NULL, " +
		"`admin` TINYINT NOT NULL, " +
		"`generation` INT NOT NULL, " +
		"`created` VARCHAR(32) NOT NULL, " +
		"`seal` VARCHAR(64), " +
		"PRIMARY KEY (`mapping`), UNIQUE KEY `backend_account` (`user`, `host`)" +
		") ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
}

// laterColumns are those that tables of former versions of midas lack.
var laterColumns = []string{"`seal` VARCHAR(64)", "`issuer` VARCHAR(512)", "`tenant` VARCHAR(64)"}

// aaduser is the table in a statement. A view in its place could have a function run that does
// what it likes with the rights of midas's own user: to a view such a hint is an error, before
// anything of it runs. The two indexes are all there are, so it hints at nothing else.
const aaduser = "midas.aaduser USE INDEX (`PRIMARY`, `backend_account`)"

const columns = "`mapping`, `server`, `user`, `host`, `issuer`, `tenant`, `kind`, `principal`, `directory_name`, `admin`, `generation`, `seal`"

// line is a row as CONCAT_WS('|', …) shows its columns.
func (k ServerKey) line(a Account) string {
	admin := "0"
	if a.Admin {
		admin = "1"
	}
	return strings.Join([]string{
		a.Mapping, a.ServerID, a.User, a.Host, a.Issuer, a.Tenant, string(a.Kind), a.ID, a.DirectoryName, admin, strconv.Itoa(a.Generation), k.seal(a),
	}, "|")
}

// querier is *sql.DB or *sql.Conn.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// commits refuses connections without autocommit, which a server's default can make. The
// first lookup on such a connection would begin a transaction and all that follow would
// see the accounts of that moment, dropped ones too.
func commits(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, "SELECT @@autocommit")
	if err != nil {
		return unavailable("ask the backend for autocommit", err)
	}
	defer rows.Close()
	var on bool
	for rows.Next() {
		if err := rows.Scan(&on); err != nil {
			return unavailable("ask the backend for autocommit", err)
		}
	}
	if err := rows.Err(); err != nil || on {
		return unavailable("ask the backend for autocommit", err)
	}
	return midas.Errorf(midas.Invalid, "connections to the backend have autocommit off").
		WithHint("SET GLOBAL autocommit = ON, or add autocommit=1 to the connection's parameters")
}

func makeSchema(ctx context.Context, q querier) error {
	// Looking first spares gateways that start against a read-only replica or under an
	// account that may not create.
	if _, err := readRows(ctx, q, "`mapping` = ''"); err == nil {
		return nil
	}
	for _, statement := range schema {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return unavailable("make schema midas on the backend", err)
		}
	}
	if _, err := readRows(ctx, q, "`mapping` = ''"); err == nil {
		return nil
	}
	// The table is a former midas's. Another gateway may be adding the same.
	var failed []error
	for _, column := range laterColumns {
		_, err := q.ExecContext(ctx, "ALTER TABLE midas.aaduser ADD COLUMN "+column)
		failed = append(failed, err)
	}
	_, err := readRows(ctx, q, "`mapping` = ''")
	if err != nil {
		err = errors.Join(append(failed, err)...)
	}
	return unavailable("bring schema midas on the backend up to date", err)
}

// mappingRow is a row as read from the table; any user who may write there could have written it.
type mappingRow struct {
	Account
	seal string // "" for none
}

// maxRows is how many rows the table may have. Those who may write to it can put any number there,
// and midas would have all of them in its memory.
const maxRows = 100_000

var (
	atMost    = " LIMIT " + strconv.Itoa(maxRows+1)
	countRows = "(SELECT COUNT(*) FROM (SELECT 1 FROM " + aaduser + atMost + ") AS bounded)"
)

// readRows reads rows that prove nothing yet. where is always a constant of this package. A row
// that no midas can have written, with a number that is none, has no seal: were it an error, those
// who may write to the table could keep all others from being read.
func readRows(ctx context.Context, q querier, where string, args ...any) ([]mappingRow, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+cut+" FROM "+aaduser+" WHERE "+where+atMost, args...)
	if err != nil {
		return nil, unavailable("read midas.aaduser", err)
	}
	defer rows.Close()
	var out []mappingRow
	var read answer
	for rows.Next() {
		var text [12]sql.NullString // in some SQL modes of MariaDB empty text is NULL
		into := make([]any, len(text))
		for i := range text {
			into[i] = &text[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, unavailable("read midas.aaduser", err)
		}
		if len(out) == maxRows || !read.fits(text[:]...) {
			return nil, unavailable("read midas.aaduser", errFlooded)
		}
		out = append(out, rowOf(text))
	}
	return out, unavailable("read midas.aaduser", rows.Err())
}

// whole tells whether the table has just the rows that are kept. It reads one line.
func (s *Store) whole(ctx context.Context, q querier) (bool, error) {
	const doing = "compare midas.aaduser with its copy"
	rows, err := q.QueryContext(ctx, "SELECT "+countRows+", "+hasLong+", (SELECT "+sumBytes+" FROM "+aaduser+" WHERE NOT "+hasLong+"), COUNT(*), CAST(COALESCE(SUM(CRC32(CONCAT_WS('|', "+columns+"))), 0) AS UNSIGNED) "+
		"FROM "+aaduser+" WHERE `server` = ? AND "+countRows+" <= "+strconv.Itoa(maxRows)+" AND NOT "+hasLong, s.server)
	if err != nil {
		return false, unavailable(doing, err)
	}
	defer rows.Close()
	var there fingerprint
	for rows.Next() {
		var all, bytes int
		var long bool
		if err := rows.Scan(&all, &long, &bytes, &there.rows, &there.sum); err != nil {
			return false, unavailable(doing, err)
		}
		if all > maxRows || long || bytes > maxBytes {
			return false, unavailable(doing, errFlooded)
		}
	}
	return there == s.copies.sum(), unavailable(doing, rows.Err())
}

// rowOf is a row of what its columns say.
func rowOf(text [12]sql.NullString) mappingRow {
	generation, err := strconv.Atoi(text[10].String)
	admin := text[9].String
	r := mappingRow{
		Account: Account{
			Mapping: text[0].String, ServerID: text[1].String, User: text[2].String, Host: text[3].String,
			Issuer: text[4].String, Tenant: text[5].String,
			Kind: midas.PrincipalKind(text[6].String), ID: text[7].String, DirectoryName: text[8].String,
			Admin: admin == "1", Generation: generation,
		},
		seal: text[11].String,
	}
	if err != nil || (admin != "0" && admin != "1") {
		r.seal = ""
	}
	return r
}

// insertRow, updateRow and deleteRow are the ways in which a row changes, here and in the
// copy outside.

func (s *Store) insertRow(ctx context.Context, a Account) error {
	if err := s.copies.Put(a); err != nil {
		return err
	}
	return s.writeRow(ctx, a)
}

func (s *Store) writeRow(ctx context.Context, a Account) error {
	// What is written to takes no hint.
	return s.writeTable(ctx, "INSERT INTO midas.aaduser ("+columns+", `created`) SELECT "+strings.Repeat("?, ", 12)+"? "+
		"FROM (SELECT COUNT(*) FROM "+aaduser+" WHERE `mapping` = '') AS is_table",
		a.Mapping, a.ServerID, a.User, a.Host, a.Issuer, a.Tenant, string(a.Kind), a.ID, a.DirectoryName, a.Admin, a.Generation, s.key().seal(a),
		s.now().UTC().Format(time.RFC3339))
}

// updateRow writes a row that has a higher generation than before.
func (s *Store) updateRow(ctx context.Context, a Account) error {
	if err := s.rewriteRow(ctx, a); err != nil {
		return err
	}
	return s.copies.Put(a)
}

// rewriteRow writes a row and leaves its copy as it is.
func (s *Store) rewriteRow(ctx context.Context, a Account) error {
	return s.writeTable(ctx, "UPDATE "+aaduser+" SET `user` = ?, `host` = ?, `issuer` = ?, `tenant` = ?, `kind` = ?, `principal` = ?, `directory_name` = ?, "+
		"`admin` = ?, `generation` = ?, `seal` = ? WHERE `mapping` = ?",
		a.User, a.Host, a.Issuer, a.Tenant, string(a.Kind), a.ID, a.DirectoryName, a.Admin, a.Generation, s.key().seal(a), a.Mapping)
}

func (s *Store) deleteRow(ctx context.Context, a Account) error {
	if err := s.copies.Delete(a); err != nil {
		return err
	}
	return s.discardRow(ctx, a.Mapping)
}

// revokeRow is deleteRow for an account that somebody has dropped, or a former administrator's.
func (s *Store) revokeRow(ctx context.Context, a Account) error {
	if err := s.copies.revoke(a); err != nil {
		return err
	}
	return s.deleteRow(ctx, a)
}

// discardRow deletes a row that midas did not write, whatever mapping it claims.
func (s *Store) discardRow(ctx context.Context, mapping string) error {
	return s.writeTable(ctx, "DELETE FROM midas.aaduser USING "+aaduser+" WHERE `mapping` = ?", mapping)
}

// writeTable runs a statement that changes the table, over a connection of its own that ends
// afterwards. Somebody may have put a trigger on the table, and what a trigger leaves in the
// session would change what midas does next in it: its settings, its role, and temporary
// tables, which are read in the place of the real ones.
//
// A statement that takes too long is ended at the server, too. It waits for a lock or sleeps in
// a trigger, does not notice that its client has left, and would be one more each time.
func (s *Store) writeTable(ctx context.Context, statement string, args ...any) error {
	const doing = "write midas.aaduser"
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return unavailable("connect to the backend", err)
	}
	defer func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it does not go back to the pool
		conn.Close()
	}()
	var id uint64
	if err := conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return unavailable(doing, err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, err = conn.ExecContext(ctx, statement, args...)
	if err != nil && ctx.Err() != nil {
		s.endOwn(ctx, id)
	}
	return unavailable(doing, err)
}

// endOwn ends a connection of midas's own whose statement was given up. Another connection of the
// pool may lead to another server of a cluster, where the id is somebody else's.
func (s *Store) endOwn(ctx context.Context, id uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTimeout)
	defer cancel()
	if user, known, err := userOf(ctx, s.db, id); err == nil && known && slices.Contains(s.service, user) {
		_ = kill(ctx, s.db, []uint64{id})
	}
}
