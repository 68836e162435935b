package stack

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
)

// A server that hangs at its start keeps neither midas from ending nor its deletion waiting,
// though the start does not end with the request for it.
func TestAStartThatHangsEnds(t *testing.T) {
	for name, end := range map[string]func(*Bindings, midas.Server) error{
		"midas goes down": func(b *Bindings, _ midas.Server) error { return b.Close() },
		"it is deleted":   (*Bindings).Remove,
	} {
		t.Run(name, func(t *testing.T) {
			b := bindings(t, BindingsConfig{Kind: PrivateBackends})
			s := midas.Server{Name: "hangs", UniqueID: "11111111-1111-1111-1111-111111111111"}
			one, err := b.binding(s)
			if err != nil {
				t.Fatal(err)
			}
			starting, began := make(chan error, 1), make(chan struct{})
			go func() {
				defer one.mu.Unlock()
				starting <- b.startTill(context.WithoutCancel(t.Context()), one, func(ctx context.Context) error {
					close(began)
					<-ctx.Done()
					return ctx.Err()
				})
			}()
			<-began
			if err := end(b, s); err != nil {
				t.Error(err)
			}
			if err := <-starting; !errors.Is(err, context.Canceled) {
				t.Errorf("the start came to %v", err)
			}
		})
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	died := midas.Errorf(midas.Unavailable, "mysqld did not start: %w", backend.ErrDied).WithHint("its log ends: no such collation")
	err := explained(died)
	if midas.CodeOf(err) != midas.Conflict || !strings.Contains(err.Error(), "no such collation") || !strings.Contains(midas.HintOf(err), "system-default") {
		t.Errorf("%v: %v (%s)", midas.CodeOf(err), err, midas.HintOf(err))
	}
}
