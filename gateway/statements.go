package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/internal/mysqlerr"
	"github.com/midas-mysql/midas/internal/wire"
)

const (
	// maxStatementPacket is the longest statement that is looked at as ours. Text may
	// follow it after a semicolon, for clients that send several statements at once.
	maxStatementPacket = 64 << 10
	// maxPrepared bounds the statements of ours that a session keeps prepared.
	maxPrepared = 64
	// firstPrepared starts statement ids of ours where no backend gets to.
	firstPrepared = 0xf0000000
	// notPrepared stands for the id of a statement of ours that was not prepared or is
	// closed: its execution must not become that of one of the backend's.
	notPrepared = 1
	// preparedLast is how MariaDB's clients name the statement prepared last, when they
	// execute it before they have read its id.
	preparedLast = 0xffffffff
)

// The statements that the backend runs in place of one of ours that succeeded, so that its
// own OK answers the client: CREATE USER commits implicitly, SET does nothing there.
const (
	replacementOfCreate = "COMMIT"
	replacementOfSet    = "DO 0"
)

// warn returns the statement that leaves the session with the note of CREATE USER IF NOT
// EXISTS, for SHOW WARNINGS.
func warn(text string) string {
	return fmt.Sprintf("SIGNAL SQLSTATE '01000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = '%s'", mysqlerr.UserAlreadyExists, strings.ReplaceAll(text, "'", "''"))
}

// statements runs the statements of the gateway's own, with what a session has set and
// prepared of them.
type statements struct {
	x        *exchange
	plane    *plane
	follower *follower     // of what comes after them in the same text
	timeout  time.Duration // of one statement
	log      *slog.Logger

	validateIDs   bool // aad_auth_validate_oids_in_tenant
	prepared      map[uint32]*preparedStatement
	countPrepared uint32
	oursLast      uint32 // id of the statement prepared last, 0 when it is the backend's
}

// reset forgets what belongs to the session in the sense of SQL.
func (s *statements) reset() { s.validateIDs, s.prepared = true, nil }

// preparedStatement is one of ours that a client prepared.
type preparedStatement struct {
	statement account.Statement
	previous  []wire.Parameter
	longData  bool
}

// run runs or prepares a statement of ours.
func (s *statements) run(ctx context.Context, as signedIn, c wire.Command, payload []byte) error {
	if err := s.x.drainAnswers(); err != nil {
		return err
	}
	sql, _ := s.x.text(c, payload)
	statement, rest, ours, err := parseOurs(string(sql))
	switch {
	case err != nil:
		return s.x.fail(err)
	case !ours:
		s.oursLast = 0
		return s.x.sendReplacement(payload)
	case c == wire.ComStmtPrepare:
		return s.prepare(statement, rest)
	case rest != "" && !s.x.multi:
		return s.x.fail(answerf(mysqlerr.Parse, "several statements in one, and this client did not say that it sends such (CLIENT_MULTI_STATEMENTS)"))
	}
	return s.execute(ctx, as, statement, payload, len(payload)-len(sql), rest)
}

// execute runs statement, and those of ours that follow it directly; head is the part
// of its packet before the text, rest the text of the statements after it. Where one
// fails its error is the only answer: what was done before it stays done.
func (s *statements) execute(ctx context.Context, as signedIn, statement account.Statement, payload []byte, head int, rest string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var done []string
	for ours := true; ours; {
		replacement, err := s.perform(ctx, as, statement)
		if err != nil {
			return s.x.fail(err)
		}
		done = append(done, replacement)
		var after string
		if statement, after, ours, err = parseOurs(rest); err != nil {
			return s.x.fail(err)
		}
		if ours {
			rest = after
		}
	}
	if rest != "" {
		if as.proved() && account.SetsOwnPassword([]byte(rest), as.account.User) {
			return s.x.fail(errNoPassword)
		}
		s.follower.note(as, wire.ComQuery, []byte(rest))
		done = append(done, rest)
	}
	return s.x.sendReplacement(append(payload[:head:head], strings.Join(done, ";")...))
}

// perform does what a statement says and returns what the backend is to run in its place.
func (s *statements) perform(ctx context.Context, as signedIn, statement account.Statement) (replacement string, err error) {
	if statement.Params() > 0 {
		return "", answerf(mysqlerr.Parse, "a placeholder (?) needs a prepared statement")
	}
	switch st := statement.(type) {
	case account.SetValidate:
		s.validateIDs = st.On
		return replacementOfSet, nil
	case account.CreateUser:
		if !as.isAdmin() {
			return "", errNotAdmin
		}
		if err := s.stillAdministrator(ctx, as); err != nil {
			return "", err
		}
		created, err := as.backend.accounts.Create(ctx, account.CreateRequest{
			Name: st.Name, Host: st.Host, Alias: st.Alias, ID: st.ID, SkipValidation: !s.validateIDs,
		}, st.IfNotExists)
		if err != nil {
			return "", err
		}
		s.log.Info("CREATE AADUSER", "server", as.server.Name, "by", as.principal.ObjectID,
			"account", created.Account.String(), "id", created.Account.ID, "existed", created.Existed)
		if created.Warning != "" {
			return warn(created.Warning), nil
		}
		return replacementOfCreate, nil
	}
	return "", answerf(mysqlerr.NotSupportedYet, "midas does not know what to do with %s", statement)
}

// stillAdministrator asks again: a session may be older than the last change of the
// administrator, or of the members of the group that is it.
func (s *statements) stillAdministrator(ctx context.Context, as signedIn) error {
	server, err := s.plane.Server(ctx, as.server.Name)
	if midas.CodeOf(err) == midas.NotFound {
		return errNotAdmin
	} else if err != nil {
		return err
	}
	now, exists, err := s.plane.principal(ctx, as.principal)
	if err == nil && (!exists || !administers(server, now)) {
		err = errNotAdmin
	}
	return err
}

// prepare keeps a statement of ours and answers as a server does.
func (s *statements) prepare(statement account.Statement, rest string) error {
	if rest != "" {
		return s.x.fail(answerf(mysqlerr.Parse, "only one statement can be prepared at a time"))
	}
	if len(s.prepared) >= maxPrepared {
		return s.x.fail(answerf(mysqlerr.MaxPreparedStmtCount, "Can't create more than %d prepared statements of this kind", maxPrepared))
	}
	if s.prepared == nil {
		s.prepared = map[uint32]*preparedStatement{}
	}
	s.countPrepared++
	id := firstPrepared + s.countPrepared%(1<<20)
	s.prepared[id] = &preparedStatement{statement: statement}
	s.oursLast = id
	answer := wire.PrepareOK{StatementID: id, Parameters: uint16(statement.Params()), Status: s.x.conn.status}
	_, err := s.x.client.conn.Write(answer.AppendPackets(nil, 1, s.x.client.caps()))
	return err
}

// preparedCommand deals with commands about statements that only we know.
func (s *statements) preparedCommand(ctx context.Context, as signedIn, c wire.Command, length int) (bool, error) {
	if len(s.prepared) == 0 && s.oursLast == 0 {
		return false, nil
	}
	head, err := s.x.in.peek(packetHeader + min(length, 5))
	if err != nil {
		return false, unexpected(err)
	}
	id, err := wire.StatementID(head[packetHeader:])
	if err != nil {
		return false, nil // the backend knows how to answer a broken packet
	}
	last := id == preparedLast && s.oursLast != 0
	if last {
		id = s.oursLast
	}
	st := s.prepared[id]
	if st == nil && !last {
		return false, nil
	}
	if length > maxStatementPacket {
		return false, errBadHandshake
	}
	payload, err := s.x.take(length)
	if err != nil {
		return true, err
	}
	switch c { // these have no answer
	case wire.ComStmtClose:
		delete(s.prepared, id)
		if id == s.oursLast {
			s.oursLast = notPrepared
		}
		return true, nil
	case wire.ComStmtSendLongData:
		if st != nil {
			st.longData = true
		}
		return true, nil
	}
	if err := s.x.drainAnswers(); err != nil {
		return true, err
	}
	return true, s.answerPrepared(ctx, as, c, id, st, payload)
}

// answerPrepared answers a command about st, which is nil when there is none.
func (s *statements) answerPrepared(ctx context.Context, as signedIn, c wire.Command, id uint32, st *preparedStatement, payload []byte) error {
	if st == nil {
		return s.x.fail(answerf(mysqlerr.UnknownStmtHandler, "Unknown prepared statement handler: the one prepared last was refused or is closed"))
	}
	switch c {
	case wire.ComStmtReset:
		st.longData = false
		return s.x.sendReplacement(wire.AppendQuery(nil, replacementOfSet, s.x.client.caps()))
	case wire.ComStmtExecute:
		return s.executePrepared(ctx, as, st, payload)
	case wire.ComStmtBulkExecute:
		return s.x.fail(answerf(mysqlerr.UnsupportedPS, "this statement cannot be run in bulk"))
	}
	return s.x.fail(answerf(mysqlerr.UnknownStmtHandler, "statement %d has no rows to fetch", id))
}

func (s *statements) executePrepared(ctx context.Context, as signedIn, st *preparedStatement, payload []byte) error {
	if st.longData {
		return s.x.fail(answerf(mysqlerr.WrongArguments, "the values of this statement cannot be sent in pieces"))
	}
	n := st.statement.Params()
	execute, err := wire.ParseExecute(payload, s.x.client.caps(), n, st.previous)
	if err != nil {
		return s.x.fail(answerf(mysqlerr.WrongArguments, "%v", err))
	}
	st.previous = execute.Parameters
	values, err := execute.Texts(n)
	if err != nil {
		return s.x.fail(answerf(mysqlerr.WrongArguments, "the values of this statement must be strings: %v", err))
	}
	bound, err := st.statement.Bind(values)
	if err != nil {
		return s.x.fail(err)
	}
	query := wire.AppendQuery(nil, "", s.x.client.caps())
	return s.execute(ctx, as, bound, query, len(query), "")
}
