package account

import "context"

// RequiresTLS tells whether an account of that name, no matter who made it, is let in over TLS
// alone (REQUIRE SSL and the like). It asks the backend each time. Errors are Unavailable.
func (s *Store) RequiresTLS(ctx context.Context, user string) (bool, error) {
	if checkUserName(user) != nil {
		return false, nil
	}
	return s.dialect.requiresTLS(ctx, s.db, user)
}

func (mysqlDialect) requiresTLS(ctx context.Context, q querier, user string) (bool, error) {
	return anyRow(ctx, q, "SELECT 1 FROM mysql.user WHERE User = ? AND ssl_type <> ''", user)
}

// requiresTLS reads numbers: 0 is NONE, and -1 was never said.
// Source: MariaDB, sql/structs.h, enum SSL_type.
func (mariadbDialect) requiresTLS(ctx context.Context, q querier, user string) (bool, error) {
	return anyRow(ctx, q, "SELECT 1 FROM mysql.global_priv WHERE User = ? AND JSON_VALUE(Priv, '$.ssl_type') > 0", user)
}

// requiresTLS is false: no network is between midas and the engine.
func (embeddedDialect) requiresTLS(context.Context, querier, string) (bool, error) { return false, nil }

func anyRow(ctx context.Context, q querier, query string, args ...any) (bool, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return false, unavailable("ask the backend", err)
	}
	defer rows.Close()
	return rows.Next(), unavailable("ask the backend", rows.Err())
}
