//go:build gms_pure_go

package embedded

import (
	"errors"
	"slices"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/vitess/go/mysql"
)

// grant gives nobody SUPER, which the engine takes for all privileges: whatever was
// revoked later would stay.
func (b *builder) grant(ctx *sql.Context, s *statement, n *plan.Grant, row sql.Row) error {
	for _, p := range n.Privileges {
		if p.Type == plan.PrivilegeType_Super {
			return refuse("GRANT SUPER: it would be all privileges for good")
		}
	}
	err := errors.Join(plainDatabase(&n.PrivilegeLevel), b.named(ctx, s, "GRANT", false, &n.Users))
	if err := b.after(err, ctx, n, row); err != nil {
		return err
	}
	edit := b.accounts.Editor()
	defer edit.Close()
	for _, name := range n.Users {
		if u, ok := edit.GetUser(mysql_db.UserPrimaryKey{User: name.Name, Host: name.Host}); ok && !u.IsSuperUser {
			u.PrivilegeSet.RemoveGlobalStatic(sql.PrivilegeType_Super) // of ALL
		}
	}
	return nil
}

func (b *builder) revoke(ctx *sql.Context, s *statement, n *plan.Revoke, row sql.Row) error {
	err := errors.Join(plainDatabase(&n.PrivilegeLevel), b.named(ctx, s, "REVOKE", n.IgnoreUnknownUser, &n.Users))
	if err != nil {
		return err
	}
	all := n.Privileges[0].Type == plan.PrivilegeType_All && n.ObjectType == plan.ObjectType_Any
	before := map[plan.UserName]mysql_db.PrivilegeSet{}
	accounts := b.accounts.Reader()
	for _, name := range n.Users {
		if u, ok := accounts.GetUser(mysql_db.UserPrimaryKey{User: name.Name, Host: name.Host}); ok {
			before[name] = u.PrivilegeSet.Copy()
		}
	}
	accounts.Close()
	if !all {
		if err := b.after(nil, ctx, n, row); err != nil {
			return err
		}
	}
	edit := b.accounts.Editor()
	defer edit.Close()
	for name, had := range before {
		u, ok := edit.GetUser(mysql_db.UserPrimaryKey{User: name.Name, Host: name.Host})
		if !ok {
			continue
		}
		if all && n.PrivilegeLevel.Database == "*" {
			// REVOKE ALL PRIVILEGES, GRANT OPTION takes all but roles, on every level,
			// and so does REVOKE ALL ON *.*. The engine takes the global ones and says OK.
			u.PrivilegeSet = mysql_db.NewPrivilegeSet()
			continue
		}
		if err := revokeLevel(ctx, &u.PrivilegeSet, n.PrivilegeLevel, all, had); err != nil {
			return err
		}
	}
	return nil
}

// revokeLevel takes all privileges of one level, if asked to, and leaves GRANT OPTION, as
// REVOKE ALL ON does. What the account had on the tables and routines of a database it
// keeps: the engine forgets that with the database's last privilege.
func revokeLevel(ctx *sql.Context, ps *mysql_db.PrivilegeSet, level plan.PrivilegeLevel, all bool, had mysql_db.PrivilegeSet) error {
	database := level.Database
	if database == "" {
		if database = ctx.GetCurrentDatabase(); database == "" {
			return sqlError(mysql.ERNoDb, "No database selected")
		}
	}
	switch {
	case database == "*":
	case level.TableRoutine == "*":
		if all {
			ps.RemoveDatabase(database, but(sql.PrivilegeType_GrantOption, ps.Database(database).ToSlice())...)
		}
		for _, table := range had.Database(database).GetTables() {
			ps.AddTable(database, table.Name(), table.ToSlice()...)
		}
		for _, routine := range had.Database(database).GetRoutines() {
			ps.AddRoutine(database, routine.RoutineName(), routine.RoutineType() == "PROCEDURE", routine.ToSlice()...)
		}
	case all:
		ps.RemoveTable(database, level.TableRoutine, but(sql.PrivilegeType_GrantOption, ps.Database(database).Table(level.TableRoutine).ToSlice())...)
	}
	return nil
}

func but(one sql.PrivilegeType, all []sql.PrivilegeType) []sql.PrivilegeType {
	return slices.DeleteFunc(all, func(p sql.PrivilegeType) bool { return p == one })
}

// plainDatabase takes the backslashes out of a database name, which MySQL reads as a
// pattern and the engine as it stands: a grant on it would be on nothing.
func plainDatabase(level *plan.PrivilegeLevel) error {
	if level.Database == "*" || level.Database == "" || level.TableRoutine != "*" {
		return nil
	}
	plain := strings.NewReplacer(`\_`, "_", `\%`, "\x00", "%", "\x01").Replace(level.Database)
	if strings.Contains(plain, "\x01") {
		return refuse("privileges on databases by a pattern (%s)", level.Database)
	}
	level.Database = strings.ReplaceAll(plain, "\x00", "%")
	return nil
}

func (b *builder) showGrants(n *plan.ShowGrants) error {
	if len(n.Using) > 0 {
		return refuse("SHOW GRANTS … USING: all granted roles are active")
	}
	if n.CurrentUser || n.For == nil {
		return nil
	}
	n.For.Host = hostOf(n.For.Host)
	accounts := b.accounts.Reader()
	defer accounts.Close()
	if _, ok := accounts.GetUser(mysql_db.UserPrimaryKey{User: n.For.Name, Host: n.For.Host}); !ok {
		return sqlError(mysql.ERNonExistingGrant, "There is no such grant defined for user '%s' on host '%s'", n.For.Name, n.For.Host)
	}
	return nil
}
