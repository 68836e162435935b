package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// sealForm is the version of what a seal covers and of how it is written.
const sealForm = 2

// seal is what a row carries to prove that midas wrote it, as it is. The rows are in the
// backend, and others may write there: on MariaDB each administrator of the server. Without
// the server key nobody can say in a row whom an account is to admit. All that a row says is
// sealed, so what is taken from another row fits nowhere else. Form and version of the key
// come first, in the clear, for a reader who has several keys.
func (k ServerKey) seal(a Account) string {
	mac := hmac.New(sha256.New, k.key("row"))
	if k.version == 0 {
		mac.Write(a.encodedBefore())
		return hex.EncodeToString(mac.Sum(nil))
	}
	mac.Write(a.encoded())
	return strconv.Itoa(sealForm) + "." + strconv.Itoa(k.version) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// encoded is all that a row says, in one form.
func (a Account) encoded() []byte {
	return a.appended([]string{
		strconv.Itoa(sealForm), a.Mapping, a.ServerID, a.User, a.Host, a.Issuer, a.Tenant, string(a.Kind), a.ID, a.DirectoryName,
	})
}

// encodedBefore is the form of rows that a former midas sealed under SharedKey.
func (a Account) encodedBefore() []byte {
	return a.appended([]string{a.Mapping, a.ServerID, a.User, a.Host, string(a.Kind), a.ID, a.DirectoryName})
}

func (a Account) appended(fields []string) []byte {
	var buffer []byte
	for _, field := range fields {
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

func (r mappingRow) sealedUnder(k ServerKey) bool {
	return hmac.Equal([]byte(r.seal), []byte(k.seal(r.Account)))
}

// sealed tells whether the server's key, or one that it had before, sealed the row.
func (s *Store) sealed(r mappingRow) bool {
	_, ok := s.signer(r)
	return ok
}

// signer returns the key that sealed a row of this server. SharedKey sealed those of other
// servers too, which are none of this one's.
func (s *Store) signer(r mappingRow) (ServerKey, bool) {
	if r.ServerID != s.server {
		return ServerKey{}, false
	}
	return s.keys.Load().signer(r.sealedUnder)
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
