//go:build gms_pure_go

package stack

import (
	"context"

	"github.com/midas-mysql/midas/backend/embedded"
)

func init() {
	openEmbedded = func(ctx context.Context, s *Stack) (Backend, error) {
		b, err := embedded.New(ctx, embedded.Config{Log: s.log})
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}
