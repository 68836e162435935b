package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
)

// keptSchemas say who may do what. A user who writes to mysql gives themselves any privilege, and
// one who writes to midas takes accounts from others.
var keptSchemas = []string{"mysql", "midas"}

// writePrivileges are those of administratorPrivileges that change what is in a schema.
// Reading stays, since people list accounts with SELECT … FROM mysql.user.
var writePrivileges = []string{
	"INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER",
	"CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER",
}

// grant confines the account where the server has partial_revokes ON. Only an operator may
// switch that on: it changes what % and _ mean in the names of schemas.
// Source: MySQL Reference Manual, "Privilege Restriction Using Partial Revokes".
func (mysqlDialect) grant(ctx context.Context, q querier, a Account, privileges string) error {
	if err := grantAll(ctx, q, "", a, privileges); err != nil {
		return err
	}
	on, err := partialRevokes(ctx, q)
	if err != nil || !on {
		return err
	}
	for _, schema := range keptSchemas {
		if _, err := q.ExecContext(ctx, "REVOKE "+strings.Join(writePrivileges, ", ")+" ON "+quoteName(schema)+".* FROM "+quoteAccount(a.User, a.Host)); err != nil {
			return unavailable("keep "+a.String()+" from writing to schema "+schema, err)
		}
	}
	return nil
}

func (mysqlDialect) confined(ctx context.Context, q querier, a Account) (bool, error) {
	on, err := partialRevokes(ctx, q)
	if err != nil || !on {
		return err == nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT JSON_EXTRACT(User_attributes, '$.Restrictions') FROM mysql.user WHERE User = ? AND Host = ?", a.User, a.Host)
	if err != nil {
		return false, unavailable("read the restrictions of "+a.String(), err)
	}
	defer rows.Close()
	var text sql.NullString
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return false, unavailable("read the restrictions of "+a.String(), err)
		}
	}
	return restricts(text.String), unavailable("read the restrictions of "+a.String(), rows.Err())
}

// restricts tells whether restrictions, as the server keeps them, take all of
// writePrivileges on all of keptSchemas. What cannot be read restricts nothing.
func restricts(restrictions string) bool {
	var list []struct {
		Database   string
		Privileges []string
	}
	_ = json.Unmarshal([]byte(restrictions), &list)
	taken := map[string][]string{}
	for _, r := range list {
		taken[r.Database] = r.Privileges
	}
	for _, schema := range keptSchemas {
		for _, privilege := range writePrivileges {
			if !slices.Contains(taken[schema], privilege) {
				return false
			}
		}
	}
	return true
}

// partialRevokes tells whether the server has the variable, and has it ON.
func partialRevokes(ctx context.Context, q querier) (bool, error) {
	rows, err := q.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name = 'partial_revokes'")
	if err != nil {
		return false, unavailable("ask the backend for partial_revokes", err)
	}
	defer rows.Close()
	var name, value string
	for rows.Next() {
		if err := rows.Scan(&name, &value); err != nil {
			return false, unavailable("ask the backend for partial_revokes", err)
		}
	}
	return strings.EqualFold(value, "ON"), unavailable("ask the backend for partial_revokes", rows.Err())
}
