package stack

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/arm"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// databases are those of each server's backend.
type databases struct{ stack *Stack }

const (
	// borrowedAtOnce is how many of the connections that midas has to a server's backend are used
	// for its databases. A user of the server can have CREATE DATABASE wait for a lock of theirs, and
	// sign-ins, sweeps and the end of revoked sessions need the others.
	borrowedAtOnce = 2
	// borrowedFor is how long one may be: others wait for it.
	borrowedFor = 10 * time.Second
)

// borrow returns a way to the backend of a server, for what is asked of its databases in ctx. It is
// given back with done, and taken back when the server is deleted.
func (b *Bindings) borrow(ctx context.Context, s midas.Server) (_ context.Context, db *sql.DB, done func(), err error) {
	behind, err := b.Backend(ctx, s)
	if err != nil {
		return nil, nil, nil, err
	}
	b.mu.Lock()
	one := b.bound[s.UniqueID]
	b.mu.Unlock()
	if one == nil {
		return nil, nil, nil, midas.Errorf(midas.Unavailable, "server %s is being deleted", s.Name)
	}
	waiting, stop := context.WithTimeout(ctx, borrowedFor)
	defer stop()
	select {
	case one.borrowed <- struct{}{}:
	case <-waiting.Done():
		return nil, nil, nil, midas.Errorf(midas.Unavailable, "wait for others that ask about the databases of server %s: %w", s.Name, waiting.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, borrowedFor)
	ended := context.AfterFunc(one.life, cancel)
	return ctx, behind.DB(), func() { ended(); cancel(); <-one.borrowed }, nil
}

// reserved are databases of MySQL, MariaDB and midas themselves.
var reserved = []string{"mysql", "sys", "information_schema", "performance_schema", "midas"}

// selectDatabases leaves out those that are the server's own.
var selectDatabases = `SELECT schema_name, default_character_set_name, default_collation_name FROM information_schema.schemata ` +
	`WHERE LOWER(schema_name) NOT IN ('` + strings.Join(reserved, "', '") + `') AND `

// List implements arm.Databases.
func (d databases) List(ctx context.Context, server midas.Server, after string, limit int) ([]arm.Database, error) {
	// By their bytes: to a server two names may be the same that differ in case, and one would be left
	// out where a page ends between them.
	return d.read(ctx, server, selectDatabases+`HEX(schema_name) > HEX(?) ORDER BY HEX(schema_name) LIMIT ?`, after, limit)
}

// Named implements arm.Databases.
func (d databases) Named(ctx context.Context, server midas.Server, name string) ([]arm.Database, error) {
	return d.read(ctx, server, selectDatabases+`LOWER(schema_name) = LOWER(?) LIMIT 100`, name)
}

func (d databases) read(ctx context.Context, server midas.Server, query string, args ...any) ([]arm.Database, error) {
	ctx, db, done, err := d.stack.bindings.borrow(ctx, server)
	if err != nil {
		return nil, err
	}
	defer done()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, midas.Errorf(midas.Unavailable, "list the databases: %w", err)
	}
	defer rows.Close()
	var all []arm.Database
	for rows.Next() {
		var one arm.Database
		if err := rows.Scan(&one.Name, &one.Charset, &one.Collation); err != nil {
			return nil, midas.Errorf(midas.Internal, "list the databases: %w", err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// Create implements arm.Databases. What clients of Azure call utf8 newer servers know as
// utf8mb3 alone.
func (d databases) Create(ctx context.Context, server midas.Server, one arm.Database) error {
	if slices.Contains(reserved, strings.ToLower(one.Name)) {
		return midas.Errorf(midas.Invalid, "The database '%s' is the server's own.", one.Name)
	}
	ctx, db, done, err := d.stack.bindings.borrow(ctx, server)
	if err != nil {
		return err
	}
	defer done()
	err = createDatabase(ctx, db, one)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && (refused.Number == mysqlerr.UnknownCharacterSet || refused.Number == mysqlerr.UnknownCollation) && one.Charset == "utf8" {
		one.Charset, one.Collation = "utf8mb3", strings.Replace(one.Collation, "utf8_", "utf8mb3_", 1)
		err = createDatabase(ctx, db, one)
	}
	if errors.As(err, &refused) {
		return midas.Errorf(midas.Invalid, "The database was not created: %s.", refused.Message)
	} else if err != nil {
		return midas.Errorf(midas.Unavailable, "create a database: %w", err)
	}
	return nil
}

func createDatabase(ctx context.Context, db *sql.DB, one arm.Database) error {
	statement := "CREATE DATABASE IF NOT EXISTS `" + one.Name + "`"
	if one.Charset != "" {
		statement += " CHARACTER SET " + one.Charset
	}
	if one.Collation != "" {
		statement += " COLLATE " + one.Collation
	}
	_, err := db.ExecContext(ctx, statement)
	return err
}
