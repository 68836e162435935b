package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/midas-mysql/midas/internal/output"
)

// secondInterrupt returns a context that ends at the second interrupt; a third one kills.
// The first is for the context of the command.
func secondInterrupt() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(interrupts)
		for range 2 {
			select {
			case <-interrupts:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	return ctx, cancel
}

// hangups receives SIGHUP: from an operator who wants settings read again, or from the kernel when
// the terminal is closed.
type hangups struct {
	signals   chan os.Signal
	terminals []any // the streams that were one at the start
}

// hangups catches SIGHUP, which kills midas no longer. Under nohup it stays ignored.
func (c *cli) hangups() hangups {
	h := hangups{signals: make(chan os.Signal, 1)}
	for _, stream := range []any{c.In, c.Out, c.Err} {
		if output.IsTerminal(stream) {
			h.terminals = append(h.terminals, stream)
		}
	}
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(h.signals, syscall.SIGHUP)
	}
	return h
}

// follow calls end when the terminal is gone, and reload at each other signal, until ctx ends.
func (h hangups) follow(ctx context.Context, end, reload func()) {
	for {
		select {
		case <-h.signals:
		case <-ctx.Done():
			return
		}
		if len(h.terminals) > 0 && !slices.ContainsFunc(h.terminals, output.IsTerminal) {
			end()
			return
		}
		reload()
	}
}
