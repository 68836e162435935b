package account

import (
	"errors"
	"slices"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// verdict is what a row of the table is worth, beside its copy. It is the reason where
// the row is refused.
type verdict string

const (
	rowCurrent verdict = ""
	// rowNewer was written by another gateway, or shortly before a crash.
	rowNewer    verdict = "it is newer than its copy"
	rowUnsealed verdict = "it was written or changed without this server's key"
	rowChanged  verdict = "it differs from its copy, which is as new"
	rowOutdated verdict = "it is older than its copy: a backup of the database was restored, or an old row was put back"
	rowUnknown  verdict = "its copy does not know it: a backup of the database was restored, or an old row was put back"
	rowFormer   verdict = "its copy does not know it, and it is sealed under a key that was replaced: a backup of the database was restored, or a row was forged"
	rowDropped  verdict = "its account was dropped: a backup of the database was restored, or an old row was put back"
	rowLost     verdict = "its account was gone together with all others of the server: the database was empty, or another one"
)

// believed tells whether a token may open what the row says.
func (v verdict) believed() bool { return v == rowCurrent || v == rowNewer }

// unconfirmed tells whether the row counts once an operator has said that a backup was
// restored.
func (v verdict) unconfirmed() bool { return v == rowOutdated || v == rowUnknown }

// unnamed tells whether the row counts once an operator has named its user. People who restore a
// database rarely mean those who have left, and nobody means rows that were forged with a replaced
// key.
func (v verdict) unnamed() bool { return v == rowDropped || v == rowFormer }

// confirmable tells whether an operator can have the row count.
func (v verdict) confirmable() bool { return v.unconfirmed() || v.unnamed() }

// judge compares a row with its copy. The seal alone says that midas wrote the row once,
// and anyone who may write to schema midas, or restores a backup, can put an old one back:
// that of an administrator who was replaced, or of an account that was dropped.
//
// A row under a key that the server had before is at best outdated: all rows were sealed anew
// when the key changed, with a higher generation. As long as that goes on, the copy is under the
// former key too, and so are rows as good as they were: no session ends for it.
func (s *Store) judge(r mappingRow) verdict {
	signer, ok := s.signer(r)
	if !ok {
		return rowUnsealed
	}
	v := rowCurrent
	if s.copies.begun() {
		v = s.compare(r)
	}
	if signer == s.key() || s.toRenew() && signer == s.copies.sealedUnder() {
		return v
	}
	switch v {
	case rowDropped:
		return v
	case rowUnknown:
		return rowFormer
	}
	return rowOutdated
}

// compare compares a row that midas sealed with its copy.
func (s *Store) compare(r mappingRow) verdict {
	kept, known, dropped := s.copies.state(r.Mapping)
	switch {
	case !known && dropped.Generation == 0:
		return rowUnknown
	case !known && dropped.Lost && r.Generation < dropped.Generation: // nobody dropped its account
		return rowOutdated
	case !known && dropped.refuses(r.Account):
		return rowDropped
	case !known && r.Generation == dropped.Generation:
		return rowLost
	case !known || r.Generation > kept.Generation:
		return rowNewer
	case r.Generation < kept.Generation:
		return rowOutdated
	case r.Account != kept && r.Account != aside(kept):
		return rowChanged
	}
	return rowCurrent
}

// torn tells whether the rows of a user name, as the table has them, lack one that is
// kept, or have another state of it.
func (s *Store) torn(user string, rows []mappingRow) bool {
	for _, a := range s.copies.of(user) {
		at := slices.IndexFunc(rows, func(r mappingRow) bool { return r.Mapping == a.Mapping })
		if at < 0 {
			return true
		}
		if v := s.judge(rows[at]); v != rowCurrent && v != rowOutdated {
			return true
		}
	}
	return slices.ContainsFunc(rows, func(r mappingRow) bool {
		v := s.judge(r)
		return v == rowNewer || v == rowLost
	})
}

// closed is the refusal of an account whose row an operator has to look at.
func closed(a Account, v verdict) error {
	return refuse(mysqlerr.AccessDenied, midas.Forbidden, "account %s is closed, its record in schema midas is refused: %s", a, v).
		WithHint("%s", v.wayOut(a))
}

// wayOut is how an operator has a refused row believed.
func (v verdict) wayOut(a Account) string {
	command := "midas mysql aad-user restore"
	if v.unnamed() {
		command += " --name " + quoteName(a.User)
	}
	return "if a backup was restored the operator confirms it: " + command
}

// isLost tells whether a statement failed because midas.aaduser is not there, or is no
// table of ours (an unknown key is what a view in its place leads to), or one that somebody filled.
func isLost(err error) bool {
	var refused *mysql.MySQLError
	return errors.Is(err, errFlooded) || errors.As(err, &refused) && slices.Contains([]uint16{
		mysqlerr.BadDB, mysqlerr.BadField, mysqlerr.NoSuchTable, mysqlerr.KeyDoesNotExist, mysqlerr.ViewInvalid, mysqlerr.NoSuchTableInEngine,
	}, refused.Number)
}
