package main

import (
	"os"

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
