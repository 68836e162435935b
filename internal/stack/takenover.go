package stack

import (
	"cmp"
	"context"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/statedir"
)

// A database of others outlives the servers that have it. Those who can write to it must not have
// rows of a former midas, which they put back, taken over once more by deleting their server and
// making it again.

// takenOver tells whether the accounts that a former midas left in the database of a server were
// taken over, by this server or one before it. Of a private server, whose data goes with it, its
// copy tells.
func (s *Stack) takenOver(ctx context.Context, server midas.Server) (bool, error) {
	key, external, err := s.bindings.externalOf(ctx, server)
	if err != nil || !external {
		return false, err
	}
	return statedir.TakenOver(s.config.State, databaseName(key))
}

func (s *Stack) noteTakenOver(ctx context.Context, server midas.Server) error {
	key, external, err := s.bindings.externalOf(ctx, server)
	if err != nil || !external {
		return err
	}
	s.takingOver.Lock()
	defer s.takingOver.Unlock()
	return statedir.NoteTakenOver(s.config.State, databaseName(key))
}

// databaseName is what a database is noted under, by its key of externalOf.
func databaseName(key string) string { return cmp.Or(key, "--backend") }
