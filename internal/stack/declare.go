package stack

import (
	"context"
	"os"
	"path/filepath"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/seed"
)

// applySeed makes the world of Config.Seed before anything is served, so that nobody sees
// half of it.
func (s *Stack) applySeed(ctx context.Context) error {
	if s.config.Seed == nil {
		return nil
	}
	return s.Declare(ctx, s.config.Seed)
}

// Declare brings the directory to what world says, also while the stack serves. What it
// made or changed is added to Seeded.
func (s *Stack) Declare(ctx context.Context, world *seed.World) error {
	scratch, err := os.MkdirTemp(s.config.State, "seed-")
	if err != nil {
		return midas.Errorf(midas.Internal, "make room for trying out the seed: %w", err)
	}
	defer os.RemoveAll(scratch)
	made, err := world.Apply(ctx, seed.Config{
		Directory: s.directory, Trial: func(ctx context.Context) (seed.Trial, error) { return s.directory.Trial(ctx, scratch) },
		DefaultAdmin: &s.defaultAdmin, Getenv: os.Getenv,
		Folder: filepath.Dir(s.config.SeedFile),
	})
	s.seeded = append(s.seeded, made...)
	return err
}

// Workload returns the client id of an identity, and what the virtual machine of the same
// name proves itself with to the metadata endpoint (IDENTITY_HEADER), until the secret's
// lifetime is over.
func (s *Stack) Workload(ctx context.Context, group, name string) (clientID, secret string, err error) {
	identity, err := s.directory.GetIdentity(ctx, group, name)
	if err != nil {
		return "", "", err
	}
	vm, err := s.directory.GetVM(ctx, group, name)
	if err != nil {
		return "", "", err
	}
	until := s.now().Add(s.config.MetadataSettings.SecretLifetime)
	return identity.ClientID, s.master.workloadSecret()(vm.VMID, until), nil
}
