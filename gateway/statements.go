package gateway

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

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
	// closed: who executes it must not execute one of the backend's instead.
	notPrepared = 1
	// preparedLast is how MariaDB's clients name the statement prepared last, when they
	// execute it before they have read its id.
	preparedLast = 0xffffffff
)

// What the backend runs in place of a statement of ours that succeeded, so that its
// own OK answers the client: CREATE USER commits implicitly, SET does nothing there.
const (
	insteadOfCreate = "COMMIT"
	insteadOfSet    = "DO 0"
)

// warn returns the statement that leaves the session with the note of CREATE USER IF NOT
// EXISTS, for SHOW WARNINGS.
func warn(text string) string {
	return fmt.Sprintf("SIGNAL SQLSTATE '01000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = '%s'", mysqlerr.UserAlreadyExists, strings.ReplaceAll(text, "'", "''"))
}

// preparedStatement is one of ours that a client prepared.
type preparedStatement struct {
	statement account.Statement
	previous  []wire.Parameter
	longData  bool
}

// parse reads a statement of ours as the session would. How it reads quotes depends on its
// sql_mode and character set, which the client may have changed since sign-in, and a client
// that quotes somebody's name rightly for its session must not be read otherwise here: a
// text that can be read in two ways is refused. A character set in which a backslash may
// be the end of a character makes bytes that are no UTF-8.
func (r *relayed) parse(sql string) (st account.Statement, rest string, ours bool, err error) {
	st, rest, ours, err = account.Parse(sql, account.Options{})
	if !ours && err == nil {
		return st, rest, ours, err
	}
	if text := sql[:len(sql)-len(rest)]; !utf8.ValidString(text) {
		return nil, "", true, answerf(mysqlerr.Parse, "a name that is not in UTF-8: send the statement in UTF-8 (SET NAMES utf8mb4)")
	} else if swallowsBackquote(text) {
		return nil, "", true, answerf(mysqlerr.Parse, "a name between backquotes that ends with a letter beyond ASCII reads differently in other character sets: write '…' in place of `…`")
	} else if !strings.Contains(text, `\`) {
		return st, rest, ours, err
	}
	for _, other := range []account.Options{{NoBackslashEscapes: true}, {AnsiQuotes: true}} {
		st2, rest2, _, err2 := account.Parse(sql, other)
		if (err == nil) != (err2 == nil) || rest != rest2 || !reflect.DeepEqual(st, st2) {
			return nil, "", true, answerf(mysqlerr.Parse, "what a backslash means depends on the session's sql_mode: write the statement without one, or send the name as the value of a placeholder (?)")
		}
	}
	return st, rest, ours, err
}

// swallowsBackquote tells whether a backquote follows a byte beyond ASCII: in GBK and its
// like it can be the second half of a character, and no quote.
func swallowsBackquote(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i] == '`' && text[i-1] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

// accountStatement runs or prepares a statement of ours.
func (r *relayed) accountStatement(ctx context.Context, c wire.Command, payload []byte) error {
	if err := r.settled(); err != nil {
		return err
	}
	sql, _ := r.sql(c, payload)
	statement, rest, ours, err := r.parse(string(sql))
	switch {
	case err != nil:
		return r.fail(err)
	case !ours:
		r.oursLast = 0
		return r.instead(payload)
	case c == wire.ComStmtPrepare:
		return r.prepare(statement, rest)
	case rest != "" && !r.multi:
		return r.fail(answerf(mysqlerr.Parse, "several statements in one, and this client did not say that it sends such (CLIENT_MULTI_STATEMENTS)"))
	}
	return r.execute(ctx, statement, payload, len(payload)-len(sql), rest)
}

// execute runs statement, and those of ours that follow it directly; head is the part
// of its packet before the text, rest the text of the statements after it. Where one
// fails its error is the only answer: what was done before it stays done.
func (r *relayed) execute(ctx context.Context, statement account.Statement, payload []byte, head int, rest string) error {
	ctx, cancel := context.WithTimeout(ctx, r.SignInTimeout)
	defer cancel()
	var done []string
	for ours := true; ours; {
		instead, err := r.perform(ctx, statement)
		if err != nil {
			return r.fail(err)
		}
		done = append(done, instead)
		var after string
		if statement, after, ours, err = r.parse(rest); err != nil {
			return r.fail(err)
		}
		if ours {
			rest = after
		}
	}
	if rest != "" {
		done = append(done, rest)
	}
	return r.instead(append(payload[:head:head], strings.Join(done, ";")...))
}

// perform does what a statement says and returns what the backend shall run instead.
func (r *relayed) perform(ctx context.Context, statement account.Statement) (instead string, err error) {
	if statement.Params() > 0 {
		return "", answerf(mysqlerr.Parse, "a placeholder (?) needs a prepared statement")
	}
	switch st := statement.(type) {
	case account.SetValidate:
		r.validateIDs = st.On
		return insteadOfSet, nil
	case account.CreateUser:
		if !r.isAdmin {
			return "", errNotAdmin
		}
		if err := r.stillAdministrator(ctx); err != nil {
			return "", err
		}
		created, err := r.accounts.Create(ctx, account.CreateRequest{
			Name: st.Name, Host: st.Host, Alias: st.Alias, ID: st.ID, SkipValidation: !r.validateIDs,
		}, st.IfNotExists)
		if err != nil {
			return "", err
		}
		r.Log.Info("CREATE AADUSER", "server", r.server.Name, "by", r.principal.ObjectID,
			"account", created.Account.String(), "id", created.Account.ID, "existed", created.Existed)
		if created.Warning != "" {
			return warn(created.Warning), nil
		}
		return insteadOfCreate, nil
	}
	return "", answerf(mysqlerr.NotSupportedYet, "midas does not know what to do with %s", statement)
}

// stillAdministrator asks again: a session may be older than the last change of who
// the administrator is, or who is in the group that is.
func (r *relayed) stillAdministrator(ctx context.Context) error {
	server, err := r.plane.Server(ctx, r.server.Name)
	if midas.CodeOf(err) == midas.NotFound {
		return errNotAdmin
	} else if err != nil {
		return err
	}
	now, exists, err := r.plane.principal(ctx, r.principal)
	if err == nil && (!exists || !administers(server, now)) {
		err = errNotAdmin
	}
	return err
}

// prepare keeps a statement of ours and answers as a server does.
func (r *relayed) prepare(statement account.Statement, rest string) error {
	if rest != "" {
		return r.fail(answerf(mysqlerr.Parse, "only one statement can be prepared at a time"))
	}
	if len(r.prepared) >= maxPrepared {
		return r.fail(answerf(mysqlerr.MaxPreparedStmtCount, "Can't create more than %d prepared statements of this kind", maxPrepared))
	}
	if r.prepared == nil {
		r.prepared = map[uint32]*preparedStatement{}
	}
	r.countPrepared++
	id := firstPrepared + r.countPrepared%(1<<20)
	r.prepared[id] = &preparedStatement{statement: statement}
	r.oursLast = id
	answer := wire.PrepareOK{StatementID: id, Parameters: uint16(statement.Params()), Status: r.up.status}
	_, err := r.conn.Write(answer.AppendPackets(nil, 1, r.caps()))
	return err
}

// preparedCommand deals with commands about statements that only we know.
func (r *relayed) preparedCommand(ctx context.Context, c wire.Command, length int) (bool, error) {
	if len(r.prepared) == 0 && r.oursLast == 0 {
		return false, nil
	}
	head, err := r.in.peek(packetHeader + min(length, 5))
	if err != nil {
		return false, unexpected(err)
	}
	id, err := wire.StatementID(head[packetHeader:])
	if err != nil {
		return false, nil // the backend knows how to answer a broken packet
	}
	last := id == preparedLast && r.oursLast != 0
	if last {
		id = r.oursLast
	}
	st := r.prepared[id]
	if st == nil && !last {
		return false, nil
	}
	if length > maxStatementPacket {
		return false, errBadHandshake
	}
	payload, err := r.take(length)
	if err != nil {
		return true, err
	}
	switch c { // these have no answer
	case wire.ComStmtClose:
		delete(r.prepared, id)
		if id == r.oursLast {
			r.oursLast = notPrepared
		}
		return true, nil
	case wire.ComStmtSendLongData:
		if st != nil {
			st.longData = true
		}
		return true, nil
	}
	if err := r.settled(); err != nil {
		return true, err
	}
	return true, r.answerPrepared(ctx, c, id, st, payload)
}

// answerPrepared answers a command about st, which is nil when there is none.
func (r *relayed) answerPrepared(ctx context.Context, c wire.Command, id uint32, st *preparedStatement, payload []byte) error {
	if st == nil {
		return r.fail(answerf(mysqlerr.UnknownStmtHandler, "Unknown prepared statement handler: the one prepared last was refused or is closed"))
	}
	switch c {
	case wire.ComStmtReset:
		st.longData = false
		return r.instead(wire.AppendQuery(nil, insteadOfSet, r.caps()))
	case wire.ComStmtExecute:
		return r.executePrepared(ctx, st, payload)
	case wire.ComStmtBulkExecute:
		return r.fail(answerf(mysqlerr.UnsupportedPS, "this statement cannot be run in bulk"))
	}
	return r.fail(answerf(mysqlerr.UnknownStmtHandler, "statement %d has no rows to fetch", id))
}

func (r *relayed) executePrepared(ctx context.Context, st *preparedStatement, payload []byte) error {
	if st.longData {
		return r.fail(answerf(mysqlerr.WrongArguments, "the values of this statement cannot be sent in pieces"))
	}
	n := st.statement.Params()
	execute, err := wire.ParseExecute(payload, r.caps(), n, st.previous)
	if err != nil {
		return r.fail(answerf(mysqlerr.WrongArguments, "%v", err))
	}
	st.previous = execute.Parameters
	values, err := execute.Texts(n)
	if err != nil {
		return r.fail(answerf(mysqlerr.WrongArguments, "the values of this statement must be strings: %v", err))
	}
	bound, err := st.statement.Bind(values)
	if err != nil {
		return r.fail(err)
	}
	query := wire.AppendQuery(nil, "", r.caps())
	return r.execute(ctx, bound, query, len(query), "")
}
