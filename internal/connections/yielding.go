package connections

import (
	"context"
	"time"
)

// Yielding has the request of ctx give way to newcomers while it waits for somebody else's
// server, whose owner may let it answer late, or never: requests that wait for it would fill the
// port. The wait is to end with the context that is returned. over ends the yielding; it fails
// with ErrBusy when the request has given way.
func Yielding(ctx context.Context) (waiting context.Context, over func() error) {
	waiting, end := context.WithCancel(ctx)
	h, counted := ctx.Value(holdingKey{}).(*holding)
	if !counted {
		return waiting, func() error { end(); return nil }
	}
	back := h.awaiting(func(time.Time) error { end(); return nil })
	return waiting, func() error {
		back()
		end()
		if !h.counted() {
			return ErrBusy
		}
		return nil
	}
}
