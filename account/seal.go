package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// seal is what a row carries to prove that midas wrote it, as it is. The rows are in
// the backend, and others may write there: on MariaDB each administrator of each server
// that has its accounts there. Without the master key nobody can say in a row whom an
// account is to admit, or of which server it is. All that a row says is sealed, so what
// is taken from another row fits nowhere else.
func (d Deriver) seal(a Account) string {
	mac := hmac.New(sha256.New, d.key("row"))
	mac.Write(a.encoded())
	return hex.EncodeToString(mac.Sum(nil))
}

// encoded is all that a row says, in one form.
func (a Account) encoded() []byte {
	var buffer []byte
	for _, field := range []string{a.Mapping, a.ServerID, a.User, a.Host, string(a.Kind), a.ID, a.DirectoryName} {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(field)))
		buffer = append(buffer, field...)
	}
	admin := byte(0)
	if a.Admin {
		admin = 1
	}
	return binary.BigEndian.AppendUint64(append(buffer, admin), uint64(a.Generation))
}

func (s *Store) sealed(r mappingRow) bool {
	return hmac.Equal([]byte(r.seal), []byte(s.deriver.seal(r.Account)))
}

// rows reads the rows that midas wrote. Others count for nothing: no token opens what
// they say. They stay where they are, as they may be those of a midas with another key.
func (s *Store) rows(ctx context.Context, q querier, where string, args ...any) ([]Account, error) {
	all, err := readRows(ctx, q, where, args...)
	return s.believed(ctx, all), err
}

// refusedEvery is how often the log says of one row that it is refused. Each sign-in under
// its name meets it.
const refusedEvery = time.Minute

// refusedLines is how many rows that the copy does not know the log names in that time. Those who
// may write to the table can make any number of them.
const refusedLines = 20

func (s *Store) believed(ctx context.Context, all []mappingRow) (out []Account) {
	for _, r := range all {
		verdict := s.judge(r)
		if verdict.believed() {
			out = append(out, r.Account)
			continue
		}
		key := r.Mapping + string(verdict)
		if s.refused.within(key, s.now(), refusedEvery) || !s.names(r) {
			continue
		}
		s.refused.note(key, s.now())
		s.log.WarnContext(ctx, "a row of midas.aaduser is refused: "+string(verdict),
			"mapping", r.Mapping, "account", r.String(), "id", r.ID, "row of server", r.ServerID)
	}
	return out
}

// names tells whether the log may name a refused row.
func (s *Store) names(r mappingRow) bool {
	if _, kept, _ := s.copies.state(r.Mapping); kept {
		return true
	}
	for i := range refusedLines {
		if line := strconv.Itoa(i); !s.refused.within(line, s.now(), refusedEvery) {
			s.refused.note(line, s.now())
			return true
		}
	}
	return false
}

// adopt seals the rows of this server that have no seal, as a midas that knew none left
// them, and marks their accounts, which on MySQL had a label alone.
func (s *Store) adopt(ctx context.Context) error {
	return s.locked(ctx, lockWait, func(conn *sql.Conn) error {
		rows, err := readRows(ctx, conn, "`server` = ? AND `seal` IS NULL", s.server)
		if err != nil {
			return err
		}
		for _, row := range rows {
			users, err := s.dialect.byName(ctx, conn, row.User)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(users, func(u backendUser) bool {
				return u.user == row.User && u.host == row.Host && u.marker == "" && u.label == row.Mapping
			})
			if at >= 0 {
				if err := s.dialect.mark(ctx, conn, users[at], row.Mapping); err != nil {
					return err
				}
			}
			// First the copy: it would not know a row that a crash leaves sealed.
			if err := s.copies.Put(row.Account); err != nil {
				return err
			}
			if err := s.updateRow(ctx, row.Account); err != nil {
				return err
			}
		}
		s.log.InfoContext(ctx, "the rows of an earlier midas are sealed", "server", s.server, "rows", len(rows))
		return nil
	})
}
