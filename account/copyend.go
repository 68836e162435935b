package account

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/midas-mysql/midas"
)

// SetAside renames the copy of a server that is refused, so that the next store begins
// another with the rows that the backend has. It returns the new name.
func (c *Copies) SetAside(server string) (string, error) {
	server = strings.ToLower(server)
	c.mu.Lock()
	defer c.mu.Unlock()
	path := c.path(server)
	if path == "" || c.kept[server] != nil {
		return "", midas.Errorf(midas.Conflict, "the copy of the account rows of server %s is in use", server)
	}
	aside := path + ".refused"
	if err := os.Rename(path, aside); err != nil {
		return "", midas.Errorf(midas.Internal, "set the copy of the account rows aside: %w", err)
	}
	return aside, nil
}

// End forgets the rows of a server that is no more, and whose backend is gone with it.
func (c *Copies) End(server string) error {
	server = strings.ToLower(server)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.kept[server]; f != nil {
		return errors.Join(f.end(), c.endFormer(server))
	}
	path := c.path(server)
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return midas.Errorf(midas.Internal, "remove the copy of the account rows: %w", err)
	}
	return c.endFormer(server)
}
