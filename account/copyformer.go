package account

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/midas-mysql/midas"
)

// The rows that a former midas had at another server's backend wait in a file of their own, under
// its key, until their server's store makes them anew. Which of the two stores opens first is
// chance.

func (c *Copies) formerPath(server string) string {
	return strings.TrimSuffix(c.path(server), ".json") + ".former.json"
}

// keepFormer adds rows to those that wait for a server.
func (c *Copies) keepFormer(server string, key ServerKey, rows []Account) error {
	if c.dir == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &copyFile{path: c.formerPath(server), server: server, key: key}
	if err := f.read(keyring{now: key}); err != nil {
		return err
	}
	return f.begin(rows)
}

// former returns the rows that wait for a server, and the key that they are under.
func (c *Copies) former(server string, keys keyring) ([]Account, ServerKey, error) {
	if c.dir == "" {
		return nil, ServerKey{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &copyFile{path: c.formerPath(server), server: server}
	if err := f.read(keys); err != nil {
		return nil, ServerKey{}, err
	}
	return f.All(), f.sealedUnder(), nil
}

// endFormer forgets the rows that waited for a server.
func (c *Copies) endFormer(server string) error {
	if c.dir == "" {
		return nil
	}
	if err := os.Remove(c.formerPath(server)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return midas.Errorf(midas.Internal, "remove the account rows of a former midas: %w", err)
	}
	return nil
}

// renewFormer makes the accounts anew here that the server had at another backend under a former
// midas, but those that it has already or that were dropped since.
func (s *Store) renewFormer(ctx context.Context) error {
	if !s.before.Elsewhere || s.folder == nil {
		return nil
	}
	rows, from, err := s.folder.former(s.server, *s.keys.Load())
	if err != nil || len(rows) == 0 {
		return err
	}
	err = s.locked(ctx, sweepWait, func(conn *sql.Conn) error {
		for _, row := range rows {
			if _, kept, gone := s.copies.state(row.Mapping); kept || gone.Mapping != "" {
				continue
			}
			renewed, made, err := s.renewRow(ctx, conn, from, row, true)
			if err == nil && made {
				err = s.copies.Put(renewed)
			}
			if err != nil {
				return err
			}
			s.Forget(row.User)
		}
		return s.folder.endFormer(s.server)
	})
	if errors.Is(err, errBusy) {
		return nil
	}
	return err
}
