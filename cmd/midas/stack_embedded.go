//go:build gms_pure_go

package main

import (
	"context"

	"github.com/midas-mysql/midas/backend/embedded"
)

func init() {
	openEmbedded = func(ctx context.Context, s *stack) (stackBackend, error) {
		b, err := embedded.New(ctx, embedded.Config{Log: s.Log})
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}
