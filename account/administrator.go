package account

import (
	"context"
	"database/sql"
	"errors"
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

// AdministratorPrivileges are the global privileges that a server's administrator gets;
// the store's own user must have them to pass on.
func AdministratorPrivileges() []string {
	names := make([]string, 0, len(administratorPrivileges))
	for _, p := range administratorPrivileges {
		names = append(names, p.name)
	}
	return names
}

// ensured remembers the last administrator that was found right.
type ensured struct {
	mu      sync.Mutex
	account Account
	login   string
	id      string
	expires time.Time
	epoch   uint64 // as in cache
}

func (e *ensured) get(login, id string, now time.Time) (a Account, epoch uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.account, e.epoch, e.login == login && e.id == id && now.Before(e.expires)
}

func (e *ensured) put(login, id string, a Account, expires time.Time, epoch uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if epoch == e.epoch {
		e.login, e.id, e.account, e.expires = login, id, a, expires
	}
}

func (e *ensured) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch++
	e.expires = time.Time{}
}

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
	a, epoch, ok := s.admin.get(login, id, s.now())
	if ok {
		return a, nil
	}
	a, right, err := s.administrator(ctx, s.db, login, id)
	if (err == nil && !right) || (isLost(err) && s.copies.begun()) {
		wanted := s.administratorAccount(ctx, login, id)
		err = s.locked(ctx, lockWait, func(conn *sql.Conn) error {
			// Another gateway may have made it while this one waited.
			if a, right, err = s.administrator(ctx, conn, login, id); err == nil && !right {
				a, err = s.establish(ctx, conn, wanted)
			}
			return err
		})
		s.forgetName(login)
	}
	if err != nil {
		return Account{}, err
	}
	s.admin.put(login, id, a, s.now().Add(s.cache.ttl), epoch)
	return a, nil
}

func (s *Store) administratorAccount(ctx context.Context, login, id string) Account {
	a := s.newAccount(login, "%")
	a.Kind, a.ID, a.DirectoryName, a.Admin = s.kindOf(ctx, id), id, login, true
	return a
}

// DropAdministrator drops the account of the server's administrator, if there is one.
func (s *Store) DropAdministrator(ctx context.Context) error {
	defer s.admin.forget()
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error { return s.retire(ctx, conn, "") })
}

// administrator reads the administrator's account and tells whether all of it is right.
func (s *Store) administrator(ctx context.Context, q querier, login, id string) (Account, bool, error) {
	rows, err := s.rows(ctx, q, "`server` = ? AND `admin` = 1", s.server)
	if err != nil {
		return Account{}, false, err
	}
	var a Account
	for _, row := range rows {
		if row.User == login {
			a = row
		} else if locked, err := s.lockedUnproven(ctx, q, row); err != nil || !locked {
			return Account{}, false, err // a former administrator is to be retired
		}
	}
	if a.Mapping == "" || a.ID != id {
		return Account{}, false, nil
	}
	ours, err := s.stands(ctx, q, a)
	if err != nil || !ours {
		return Account{}, false, err
	}
	s.tryMark(ctx, q, a)
	granted, err := hasPrivileges(ctx, q, a)
	if err != nil || !granted {
		return Account{}, false, err
	}
	confined, err := s.dialect.confined(ctx, q, a)
	return a, confined, err
}

// kindOf asks the directory what an administrator is. Without an answer the kind stays
// open and Admit compares all three claims.
func (s *Store) kindOf(ctx context.Context, id string) midas.PrincipalKind {
	if s.directory == nil {
		return ""
	}
	object, err := s.directory.ObjectByID(ctx, id)
	if err != nil {
		return ""
	}
	return object.Kind
}

// establish makes a the administrator's account; the caller holds the lock.
func (s *Store) establish(ctx context.Context, q querier, a Account) (Account, error) {
	if err := s.retire(ctx, q, a.User); errors.Is(err, errStands) {
		s.log.WarnContext(ctx, "the former administrator's account stands for now", "error", err)
	} else if err != nil {
		return Account{}, err
	}
	existing, found, err := s.clear(ctx, q, a)
	switch {
	case err != nil:
		return Account{}, err
	case found && !existing.Admin && existing.ID != a.ID:
		return Account{}, cannot(a, "an AADUSER of that name maps to id %s", existing.ID).
			WithHint("DROP USER %s as another administrator, or %s", a, otherName(a))
	case found:
		a, err = s.promote(ctx, q, existing, a)
	default:
		a, err = s.make(ctx, q, a)
	}
	if err != nil {
		return Account{}, err
	}
	var names []string
	for _, p := range administratorPrivileges {
		names = append(names, p.name)
	}
	if err := s.dialect.grant(ctx, q, a, strings.Join(names, ", ")); err != nil {
		return Account{}, err
	}
	s.tryMark(ctx, q, a) // restrictions take the marker off
	return a, nil
}

// promote makes an account the administrator's. It may have been somebody else's with
// the same login: whatever password they gave it goes.
func (s *Store) promote(ctx context.Context, q querier, existing, a Account) (Account, error) {
	a.Mapping, a.Generation = existing.Mapping, existing.Generation
	if a.Kind == "" && a.ID == existing.ID {
		a.Kind = existing.Kind
	}
	if a != existing {
		a.Generation++ // of two states of a row the higher generation is the later one
	}
	if err := s.giveSecret(ctx, q, existing, a); err != nil {
		return Account{}, err
	}
	if a.ID != existing.ID {
		s.endSessions(ctx, q, a)
	}
	return a, s.updateRow(ctx, a)
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
