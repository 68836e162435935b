package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/seed"
)

// readSeed reads the world that a stack begins with, nil without a path.
func readSeed(path string) (*seed.World, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, midas.Errorf(midas.Invalid, "read the seed: %w", err)
	}
	return seed.Parse(path, text)
}

// applySeed makes the world of --seed before anything is served, so that nobody sees
// half of it.
func (s *stack) applySeed(ctx context.Context) error {
	if s.Seed == nil {
		return nil
	}
	scratch, err := os.MkdirTemp(s.State, "seed-")
	if err != nil {
		return midas.Errorf(midas.Internal, "make room for trying out the seed: %w", err)
	}
	defer os.RemoveAll(scratch)
	s.seeded, err = s.Seed.Apply(ctx, seed.Config{
		Directory: s.directory, Scratch: scratch, DefaultAdmin: &s.defaultAdmin, Getenv: os.Getenv,
		Folder: filepath.Dir(s.SeedFile),
	})
	return err
}
