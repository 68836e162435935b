//go:build gms_pure_go

package embedded

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	ast "github.com/dolthub/vitess/go/vt/sqlparser"
)

// parsed is the first statement of a text.
type parsed struct {
	query string        // as the engine shall read it
	stmt  ast.Statement // nil for a text of nothing but comments
	text  string        // of the statement
	rest  string        // of the statements after it
	quiet bool          // the client asked for no rows
}

func (s *session) parse(query string, multi bool) (p parsed, err error) {
	defer s.contain("parsing", &err)
	ec, err := s.engineContext(context.Background())
	if err != nil {
		return parsed{}, err
	}
	if err := readable(ec, query); err != nil {
		return parsed{}, err
	}
	if query, err = asMySQLReads(query, sql.LoadSqlMode(ec).AnsiQuotes()); err != nil {
		return parsed{}, err
	}
	p.query = query
	p.stmt, p.text, p.rest, err = s.engine.Parser.Parse(ec, query, multi)
	if err != nil && !errors.Is(err, ast.ErrEmpty) {
		if expressions, ok := afterDo(query); ok {
			p, err = s.parse("SELECT "+expressions, multi)
			p.quiet = true
			return p, err
		}
		return parsed{}, sqlError(mysql.ERParseError, "You have an error in your SQL syntax: %s", err.Error())
	}
	if err != nil {
		return parsed{query: query, text: query}, nil
	}
	return p, nil
}

// afterDo returns what follows DO, a statement that the engine does not have.
func afterDo(query string) (expressions string, ok bool) {
	tokens := ast.NewStringTokenizer(query)
	token, _ := tokens.Scan()
	for token == ast.COMMENT {
		token, _ = tokens.Scan()
	}
	if token != ast.DO || tokens.Position < 1 || tokens.Position > len(query) {
		return "", false
	}
	return query[tokens.Position-1:], true
}

// prepared is the engine's own tree of a statement that was prepared, by its text or, in
// SQL's PREPARE, by its name.
func (s *session) prepared(text string) (ast.Statement, error) {
	key := sql.RemoveSpaceAndDelimiter(text, ';')
	if stmt, ok := s.engine.PreparedDataCache.GetCachedStmt(s.conn.ConnectionID, key); ok {
		return stmt, nil
	}
	p, err := s.parse(text, false)
	return p.stmt, err
}

// ignored is for statements whose privileges have been checked here.
var ignored = ast.AuthInformation{AuthType: ast.AuthType_IGNORE, TargetType: ast.AuthTargetType_Ignore}

// vet classifies a statement. What would be answered wrongly it refuses, or changes in the
// tree so that it is answered right. A prepared tree comes by again and again.
func (s *session) vet(stmt ast.Statement) (kind, error) {
	switch n := stmt.(type) {
	case nil:
		return ending, nil
	case *ast.Execute:
		prepared, ok := s.engine.PreparedDataCache.GetCachedStmt(s.conn.ConnectionID, n.Name)
		if _, again := prepared.(*ast.Execute); !ok || again {
			return ending, nil // the engine says that there is no such statement
		}
		return s.vet(prepared)
	case *ast.Prepare:
		return preparing, s.vetPrepare(n)
	case *ast.RevokePrivilege:
		if n.Auth.AuthType == ast.AuthType_REVOKE_ALL {
			// The engine makes the same plan of it as of REVOKE ALL ON *.*. The second
			// privilege, which cannot stand beside ALL otherwise, tells builder.
			n.Privileges = []ast.Privilege{{Type: ast.PrivilegeType_All}, {Type: ast.PrivilegeType_GrantOption}}
		}
	case *ast.ShowGrants:
		if n.For == nil || s.is(n.For.Name, hostOf(n.For.Host)) {
			n.Auth = ignored // everyone may see his own
		}
	case *ast.Show:
		if strings.EqualFold(n.Type, "processlist") {
			n.Auth = ignored // context.go shows each user his own
		}
	case *ast.Kill:
		return ending, s.vetKill(n)
	case *ast.DBDDL:
		if n.Action != ast.AlterStr {
			// The engine asks for CREATE or DROP on whatever database is in use.
			n.Auth.TargetType, n.Auth.TargetNames = ast.AuthTargetType_DatabaseIdentifiers, []string{n.DBName}
		}
	case *ast.DDL:
		switch {
		case n.EventSpec != nil && n.Action != ast.DropStr:
			return 0, refuse("events: nothing would run them")
		case n.AccountLimits != nil:
			return 0, refuse("limits of accounts")
		case n.Auth.AuthType == ast.AuthType_CREATE && n.Auth.TargetType == ast.AuthTargetType_DatabaseIdentifiers && !n.Table.IsEmpty():
			// CREATE on the table, which need not be there yet, will do.
			n.Auth.TargetType, n.Auth.TargetNames = ast.AuthTargetType_SingleTableIdentifier, []string{n.Auth.TargetNames[0], n.Table.Name.String()}
		}
	}
	return kindOf(stmt), nil
}

// vetKill lets everyone end his own connections, as MySQL does.
func (s *session) vetKill(n *ast.Kill) error {
	literal, ok := n.ConnID.(*ast.SQLVal)
	if !ok {
		return nil
	}
	id, err := strconv.ParseUint(string(literal.Val), 10, 32)
	if err != nil {
		return nil // the engine refuses it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	target, ok := s.open[uint32(id)]
	switch {
	case !ok:
		return sqlError(mysql.ERNoSuchThread, "Unknown thread id: %d", id)
	case target.user == s.user && target.host == s.host:
		n.Auth = ignored
	}
	return nil
}

func (s *session) is(user, host string) bool { return s.user == user && s.host == host }

// hostOf is the host of an account that was named without one.
func hostOf(host string) string {
	if host == "" {
		return "%"
	}
	return host
}
