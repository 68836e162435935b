package stack

import (
	"context"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/seed"
)

// applySeed makes the world of --seed before anything is served, so that nobody sees
// half of it.
func (s *Stack) applySeed(ctx context.Context) error {
	if s.config.Seed == nil {
		return nil
	}
	scratch, err := os.MkdirTemp(s.config.State, "seed-")
	if err != nil {
		return midas.Errorf(midas.Internal, "make room for trying out the seed: %w", err)
	}
	defer os.RemoveAll(scratch)
	s.seeded, err = s.config.Seed.Apply(ctx, seed.Config{
		Directory: s.directory, Scratch: scratch, DefaultAdmin: &s.defaultAdmin, Getenv: os.Getenv,
		Folder: filepath.Dir(s.config.SeedFile),
	})
	return err
}
