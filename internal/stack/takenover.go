package stack

import (
	"cmp"
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// A former midas had all servers at one database. Those who can write to a database, that one or one
// of their own, must not have rows of those days, which they kept, taken over once more: neither by
// deleting their server and making it again, nor by putting them where they never were.

// takenOver tells whether the accounts that a former midas left were taken over, by any server, or
// the database of a server was looked at for them, by this server or one before it. Of a private
// server, whose data goes with it, its copy tells the latter.
func (s *Stack) takenOver(ctx context.Context, server midas.Server) (bool, error) {
	key, external, err := s.bindings.externalOf(ctx, server)
	if err != nil {
		return false, err
	}
	done, err := statedir.TakenOver(s.config.State, anyDatabase)
	if err != nil || done || !external {
		return done, err
	}
	return statedir.TakenOver(s.config.State, databaseName(key))
}

// noteTakenOver notes what takenOver tells. found is whether there were accounts of others.
func (s *Stack) noteTakenOver(ctx context.Context, server midas.Server, found bool) error {
	key, external, err := s.bindings.externalOf(ctx, server)
	if err != nil {
		return err
	}
	s.takingOver.Lock()
	defer s.takingOver.Unlock()
	if found {
		if err := statedir.NoteTakenOver(s.config.State, anyDatabase); err != nil {
			return err
		}
	}
	if !external {
		return nil
	}
	return statedir.NoteTakenOver(s.config.State, databaseName(key))
}

// anyDatabase is what the one database of a former midas is noted under, whichever it was. No server
// has such a name.
const anyDatabase = "*"

// databaseName is what a database is noted under, by its key of externalOf.
func databaseName(key string) string { return cmp.Or(key, "--backend") }
