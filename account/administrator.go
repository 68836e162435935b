package account

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
)

// administratorPrivileges are what Azure gives a server's administrator, with their
// columns in mysql.user. There is no SUPER, FILE or SHUTDOWN among them.
// Source: Microsoft Learn, "Create users in Azure Database for MySQL".
var administratorPrivileges = []struct{ name, column string }{
	{"SELECT", "Select_priv"},
	{"INSERT", "Insert_priv"},
	{"UPDATE", "Update_priv"},
	{"DELETE", "Delete_priv"},
	{"CREATE", "Create_priv"},
	{"DROP", "Drop_priv"},
	{"RELOAD", "Reload_priv"},
	{"PROCESS", "Process_priv"},
	{"REFERENCES", "References_priv"},
	{"INDEX", "Index_priv"},
	{"ALTER", "Alter_priv"},
	{"SHOW DATABASES", "Show_db_priv"},
	{"CREATE TEMPORARY TABLES", "Create_tmp_table_priv"},
	{"LOCK TABLES", "Lock_tables_priv"},
	{"EXECUTE", "Execute_priv"},
	{"REPLICATION SLAVE", "Repl_slave_priv"},
	{"REPLICATION CLIENT", "Repl_client_priv"},
	{"CREATE VIEW", "Create_view_priv"},
	{"SHOW VIEW", "Show_view_priv"},
	{"CREATE ROUTINE", "Create_routine_priv"},
	{"ALTER ROUTINE", "Alter_routine_priv"},
	{"CREATE USER", "Create_user_priv"},
	{"EVENT", "Event_priv"},
	{"TRIGGER", "Trigger_priv"},
}

// ensured remembers the last administrator that was found right.
type ensured struct {
	mu      sync.Mutex
	account Account
	login   string
	id      string
	expires time.Time
}

func (e *ensured) get(login, id string, now time.Time) (Account, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.account, e.login == login && e.id == id && now.Before(e.expires)
}

func (e *ensured) put(login, id string, a Account, expires time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.login, e.id, e.account, e.expires = login, id, a, expires
}

func (e *ensured) forget() { e.put("", "", Account{}, time.Time{}) }

// EnsureAdministrator makes the account of the server's Microsoft Entra administrator, as
// login@'%', mapped to objectID (a user, a group, or an identity by object id or client
// id), with Azure's privileges. It drops the account of a former administrator. It is
// cheap when all is right already: within CacheTTL it asks nobody. Errors are Invalid,
// Conflict when an account called login is somebody else's, and Unavailable.
func (s *Store) EnsureAdministrator(ctx context.Context, login, objectID string) (Account, error) {
	id, err := cleanID(objectID)
	if err != nil {
		return Account{}, err
	}
	if err := checkUserName(login); err != nil {
		return Account{}, err
	}
	if a, ok := s.admin.get(login, id, s.now()); ok {
		return a, nil
	}
	a, right, err := s.administrator(ctx, s.db, login, id)
	if err == nil && !right {
		err = s.locked(ctx, lockWait, func(conn *sql.Conn) error {
			a, err = s.establish(ctx, conn, login, id)
			return err
		})
		s.Forget(login)
	}
	if err != nil {
		return Account{}, err
	}
	s.admin.put(login, id, a, s.now().Add(s.cache.ttl))
	return a, nil
}

// DropAdministrator drops the account of the server's administrator, if there is one.
func (s *Store) DropAdministrator(ctx context.Context) error {
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error { return s.retire(ctx, conn, "") })
}

// administrator reads the administrator's account and tells whether all of it is right.
func (s *Store) administrator(ctx context.Context, q querier, login, id string) (Account, bool, error) {
	rows, err := selectRows(ctx, q, "`server` = ? AND `admin` = 1", s.server)
	if err != nil || len(rows) != 1 || rows[0].User != login || rows[0].ID != id {
		return Account{}, false, err
	}
	users, err := s.dialect.byName(ctx, q, login)
	if err != nil || !slices.ContainsFunc(users, func(u backendUser) bool { return s.owned(u, rows[0]) }) {
		return Account{}, false, err
	}
	granted, err := hasPrivileges(ctx, q, rows[0])
	return rows[0], granted, err
}

func (s *Store) establish(ctx context.Context, q querier, login, id string) (Account, error) {
	if err := s.retire(ctx, q, login); err != nil {
		return Account{}, err
	}
	a := Account{ServerID: s.server, User: login, Host: "%", ID: id, DirectoryName: login, Admin: true, Generation: 1}
	if s.directory != nil {
		// Without an answer the kind stays open and Admit compares all three claims.
		if object, err := s.directory.ObjectByID(ctx, id); err == nil {
			a.Kind = object.Kind
		}
	}
	existing, found, err := s.clear(ctx, q, &a)
	switch {
	case err != nil:
		return Account{}, err
	case found && !existing.Admin && existing.ID != id:
		return Account{}, refuse(numberCannotUser, midas.Conflict,
			"administrator %s cannot have an account: an AADUSER of that name maps to id %s", a, existing.ID).
			WithHint("DROP USER %s as another administrator, or choose another login", a)
	case found:
		a.Mapping, a.Generation = existing.Mapping, existing.Generation
		err = updateRow(ctx, q, a)
	default:
		a, err = s.make(ctx, q, a)
	}
	if err != nil {
		return Account{}, err
	}
	return a, grantPrivileges(ctx, q, a)
}

// retire drops the accounts of administrators with another login. An account that cannot
// be dropped, because views run in its name, is left without its row: no token opens it.
func (s *Store) retire(ctx context.Context, q querier, except string) error {
	rows, err := selectRows(ctx, q, "`server` = ? AND `admin` = 1", s.server)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.User == except {
			continue
		}
		if err := s.drop(ctx, q, row); err != nil {
			s.log.WarnContext(ctx, "the former administrator's account stays, closed to tokens", "account", row.String(), "error", err)
		}
		if err := deleteRow(ctx, q, row.Mapping); err != nil {
			return err
		}
		s.Forget(row.User)
	}
	return nil
}

func hasPrivileges(ctx context.Context, q querier, a Account) (bool, error) {
	terms := []string{"Grant_priv = 'Y'"}
	for _, p := range administratorPrivileges {
		terms = append(terms, p.column+" = 'Y'")
	}
	rows, err := q.QueryContext(ctx, "SELECT User FROM mysql.user WHERE User = ? AND Host = ? AND "+strings.Join(terms, " AND "), a.User, a.Host)
	if err != nil {
		return false, unavailable("read the privileges of "+a.String(), err)
	}
	defer rows.Close()
	found := rows.Next()
	return found, unavailable("read the privileges of "+a.String(), rows.Err())
}

func grantPrivileges(ctx context.Context, q querier, a Account) error {
	var names []string
	for _, p := range administratorPrivileges {
		names = append(names, p.name)
	}
	_, err := q.ExecContext(ctx, "GRANT "+strings.Join(names, ", ")+" ON *.* TO "+quoteAccount(a.User, a.Host)+" WITH GRANT OPTION")
	return unavailable("grant privileges to "+a.String(), err)
}
