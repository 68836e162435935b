//go:build gms_pure_go

package embedded

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// buildAccounts executes account statements. The engine looks accounts up as for a
// sign-in: DROP USER 'x'@'localhost' drops 'x'@'%' where there is no other, and GRANT
// grants to it. Here each statement is about the account that it names or fails.
func (b *builder) buildAccounts(ctx *sql.Context, s *statement, n sql.Node, row sql.Row) (sql.RowIter, error) {
	var act func() error
	switch n := n.(type) {
	case *plan.CreateUser:
		act = func() error { return b.createUser(ctx, s, n, row) }
	case *plan.AlterUser:
		act = func() error { return b.alterUser(ctx, s, n, row) }
	case *plan.DropUser:
		act = func() error {
			return b.after(b.named(ctx, s, "DROP USER", n.IfExists, &n.Users), ctx, n, row)
		}
	case *plan.RenameUser:
		act = func() error { return b.renameUser(ctx, s, n) }
	case *plan.Grant:
		act = func() error { return b.grant(ctx, s, n, row) }
	case *plan.Revoke:
		act = func() error { return b.revoke(ctx, s, n, row) }
	case *plan.GrantRole:
		act = func() error {
			return b.after(b.named(ctx, s, "GRANT", false, &n.Roles, &n.TargetUsers), ctx, n, row)
		}
	case *plan.RevokeRole:
		act = func() error {
			return b.after(b.named(ctx, s, "REVOKE", n.IfExists || n.IgnoreUnknownUser, &n.Roles, &n.TargetUsers), ctx, n, row)
		}
	case *plan.CreateRole, *plan.DropRole:
		act = func() error { return b.after(nil, ctx, n, row) }
	case *plan.ShowGrants:
		return nil, b.showGrants(n)
	default:
		return nil, nil
	}
	if s.kind == calling {
		return nil, refuse("account statements in stored programs")
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	if err := act(); err != nil {
		return nil, first(err)
	}
	return sql.RowsToRowIter(sql.NewRow(types.NewOkResult(0))), nil
}

// first unwraps errors.Join: the protocol knows one error.
func first(err error) error {
	var e *mysql.SQLError
	if errors.As(err, &e) {
		return e
	}
	return err
}

// after lets the engine execute n, which it does at once for account statements.
func (b *builder) after(err error, ctx *sql.Context, n sql.Node, row sql.Row) error {
	if err != nil {
		return err
	}
	_, err = b.engine.Build(ctx, n, row)
	return err
}

// named checks that accounts exist, and writes their hosts out so that the engine finds
// them and no others. With mayMiss, unknown names are dropped from the lists with a warning.
func (b *builder) named(ctx *sql.Context, s *statement, doing string, mayMiss bool, lists ...*[]plan.UserName) error {
	accounts := b.accounts.Reader()
	defer accounts.Close()
	for _, list := range lists {
		var there []plan.UserName
		for _, name := range *list {
			name.Host = hostOf(name.Host)
			name.AnyHost = name.Host == "%"
			if err := mayTouch(s, name); err != nil {
				return err
			}
			exact, exists := accounts.GetUser(mysql_db.UserPrimaryKey{User: name.Name, Host: name.Host})
			switch taken := b.accounts.GetUser(accounts, name.Name, name.Host, false); {
			case exists && taken != exact:
				return sqlError(mysqlerr.CannotUser, "Operation %s failed for %s: the embedded engine would take it for %s",
					doing, name.String("'"), taken.UserHostToString("'"))
			case exists:
				there = append(there, name)
			case mayMiss:
				ctx.Warn(int(mysqlerr.UserDoesNotExist), "Authorization ID %s does not exist.", name.String("'"))
			default:
				return missing(doing, name)
			}
		}
		*list = there
	}
	return nil
}

// missing is what MySQL says of an account that there is not.
func missing(doing string, name plan.UserName) error {
	switch doing {
	case "GRANT":
		return sqlError(mysqlerr.CantCreateUserWithGrant, "You are not allowed to create a user with GRANT (%s does not exist)", name.String("'"))
	case "REVOKE":
		return sqlError(mysql.ERNonExistingGrant, "There is no such grant defined for user '%s' on host '%s'", name.Name, name.Host)
	}
	return sqlError(mysqlerr.CannotUser, "Operation %s failed for %s", doing, name.String("'"))
}

// mayTouch refuses statements about the service account: a user who may create users
// could otherwise give it a password of their own.
func mayTouch(s *statement, name plan.UserName) error {
	if name.Name == serviceUser && name.Host == serviceHost && !s.session.is(serviceUser, serviceHost) {
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; %s is the embedded engine's own account", name.String("'"))
	}
	return nil
}

func (b *builder) createUser(ctx *sql.Context, s *statement, n *plan.CreateUser, row sql.Row) error {
	metadata, err := attributes(n.Attribute)
	if err != nil {
		return err
	}
	if err := unkept(n); err != nil {
		return err
	}
	var made []mysql_db.UserPrimaryKey
	accounts := b.accounts.Reader()
	for i := range n.Users {
		name := &n.Users[i].UserName
		name.Host = hostOf(name.Host)
		key := mysql_db.UserPrimaryKey{User: name.Name, Host: name.Host}
		_, exists := accounts.GetUser(key)
		switch {
		case exists && !n.IfNotExists:
			err = errors.Join(err, sqlError(mysqlerr.CannotUser, "Operation CREATE USER failed for %s", name.String("'")))
		case !exists:
			made = append(made, key)
		}
		err = errors.Join(err, mayTouch(s, *name), usablePlugin(n.Users[i].Auth1))
	}
	accounts.Close()
	if err := b.after(err, ctx, n, row); err != nil {
		return err
	}
	// The engine takes these and forgets them.
	edit := b.accounts.Editor()
	defer edit.Close()
	for _, key := range made {
		if u, ok := edit.GetUser(key); ok && (n.Locked || metadata != nil) {
			changed := *u
			changed.Locked, changed.Attributes = n.Locked, metadata
			edit.RemoveUser(key) // PutUser replaces equals only
			edit.PutUser(&changed)
		}
	}
	return nil
}

// attributes puts COMMENT and ATTRIBUTE into the form that MySQL keeps.
func attributes(text string) (*string, error) {
	if text == "" {
		return nil, nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return nil, sqlError(mysqlerr.InvalidJSONText, "Invalid JSON text in argument ATTRIBUTE: an object is needed")
	}
	kept, err := json.Marshal(map[string]any{"metadata": object})
	if err != nil {
		return nil, sqlError(mysqlerr.InvalidJSONText, "Invalid JSON text in argument ATTRIBUTE: %v", err)
	}
	whole := string(kept)
	return &whole, nil
}

// unkept refuses clauses that the engine reads and never acts on, unless they ask for
// what is the case anyway.
func unkept(n *plan.CreateUser) error {
	limit := func(v *int64) bool { return v != nil && *v > 0 }
	if l := n.AccountLimits; l != nil && (limit(l.MaxQueriesPerHour) || limit(l.MaxUpdatesPerHour) || limit(l.MaxConnectionsPerHour) || limit(l.MaxUserConnections)) {
		return refuse("limits of accounts")
	}
	if o := n.PasswordOptions; o != nil && (limit(o.ExpirationTime) || limit(o.History) || limit(o.ReuseInterval) || limit(o.FailedAttempts) || limit(o.LockTime)) {
		return refuse("rules about passwords")
	}
	if len(n.DefaultRoles) > 0 {
		return refuse("DEFAULT ROLE: all granted roles are active")
	}
	return nil
}

// usablePlugin refuses the plugin that the engine lets sign in over TLS and unix sockets
// alone; the way here is neither.
func usablePlugin(auth plan.Authentication) error {
	if auth != nil && auth.Plugin() == string(mysql.CachingSha2Password) {
		return refuse("sign-in with caching_sha2_password; use mysql_native_password, or leave the plugin out")
	}
	return nil
}

func (b *builder) alterUser(ctx *sql.Context, s *statement, n *plan.AlterUser, row sql.Row) error {
	names := []plan.UserName{n.User.UserName}
	if err := errors.Join(b.named(ctx, s, "ALTER USER", n.IfExists, &names), usablePlugin(n.User.Auth1)); err != nil {
		return err
	}
	if len(names) == 0 {
		return nil // IF EXISTS
	}
	// The engine lets everyone alter all accounts of his own name, whatever their host.
	if !s.session.is(names[0].Name, names[0].Host) &&
		!b.accounts.UserHasPrivileges(ctx, sql.NewPrivilegedOperation(sql.PrivilegeCheckSubject{}, sql.PrivilegeType_CreateUser)) &&
		!b.accounts.UserHasPrivileges(ctx, sql.NewPrivilegedOperation(sql.PrivilegeCheckSubject{Database: "mysql"}, sql.PrivilegeType_Update)) {
		return sqlError(mysql.ERSpecifiedAccessDenied, "Access denied; you need (at least one of) the CREATE USER privilege(s) for this operation")
	}
	return b.after(nil, ctx, n, row)
}

// renameUser is not implemented in the engine. It renames one account after the other, so
// that names may go round, and all of them or none.
func (b *builder) renameUser(ctx *sql.Context, s *statement, n *plan.RenameUser) (err error) {
	var done [][2]mysql_db.UserPrimaryKey
	defer func() {
		for _, r := range slices.Backward(done) {
			if err != nil {
				b.rename(r[1], r[0])
			}
		}
	}()
	for i := range n.OldName {
		old := []plan.UserName{n.OldName[i]}
		if err := b.named(ctx, s, "RENAME USER", false, &old); err != nil {
			return err
		}
		from := mysql_db.UserPrimaryKey{User: old[0].Name, Host: old[0].Host}
		to := mysql_db.UserPrimaryKey{User: n.NewName[i].Name, Host: hostOf(n.NewName[i].Host)}
		if err := mayTouch(s, plan.UserName{Name: to.User, Host: to.Host}); err != nil {
			return err
		}
		if len(to.User) > 32 || len(to.Host) > 255 || !b.rename(from, to) {
			return sqlError(mysqlerr.CannotUser, "Operation RENAME USER failed for %s", old[0].String("'"))
		}
		done = append(done, [2]mysql_db.UserPrimaryKey{from, to})
	}
	return nil
}

func (b *builder) rename(from, to mysql_db.UserPrimaryKey) bool {
	edit := b.accounts.Editor()
	defer edit.Close()
	account, exists := edit.GetUser(from)
	if _, taken := edit.GetUser(to); taken || !exists {
		return false
	}
	renamed := *account
	renamed.User, renamed.Host = to.User, to.Host
	edit.RemoveUser(from)
	edit.PutUser(&renamed)
	renameEdges(edit, from, to)
	return true
}

// renameEdges lets grants of roles follow an account.
func renameEdges(edit *mysql_db.Editor, from, to mysql_db.UserPrimaryKey) {
	var edges []mysql_db.RoleEdge
	edit.VisitRoleEdges(func(e *mysql_db.RoleEdge) { edges = append(edges, *e) })
	for _, e := range edges {
		before := mysql_db.RoleEdgesPrimaryKey{FromHost: e.FromHost, FromUser: e.FromUser, ToHost: e.ToHost, ToUser: e.ToUser}
		if e.FromUser == from.User && e.FromHost == from.Host {
			e.FromUser, e.FromHost = to.User, to.Host
		}
		if e.ToUser == from.User && e.ToHost == from.Host {
			e.ToUser, e.ToHost = to.User, to.Host
		}
		edit.RemoveRoleEdge(before)
		edit.PutRoleEdge(&e)
	}
}
