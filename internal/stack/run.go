package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
)

// Run serves until ctx ends, then drains: sessions finish their transactions, for the drain time
// or until endNow ends, and what they ask of the other parts is answered all that time. It
// fails when a part cannot go on.
func (s *Stack) Run(ctx, endNow context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts sync.WaitGroup
	part := func(serve func(context.Context) error) {
		parts.Go(func() {
			if err := serve(serving); err != nil {
				cancel(err)
			}
		})
	}
	s.startParts(part)
	<-ctx.Done()
	s.drain(endNow)
	stop()
	parts.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func (s *Stack) drain(endNow context.Context) {
	s.draining.Store(true)
	if n := s.gateway.Sessions(); n > 0 {
		s.log.Warn("going down: sessions end now or with their transactions; another interrupt ends them all", "sessions", n, "within", s.config.Gateway.DrainTime)
	}
	ctx, cancel := context.WithTimeout(endNow, s.config.Gateway.DrainTime)
	defer cancel()
	s.gateway.Shutdown(ctx)
}

func (s *Stack) startParts(part func(func(context.Context) error)) {
	port := s.httpPort()
	control := s.tlsConfig(s.controlNames)
	control.NextProtos = []string{"h2", "http/1.1"}
	part(func(ctx context.Context) error {
		return port.serve(ctx, tls.NewListener(s.controlLn, control), s.controlHandler)
	})
	part(func(ctx context.Context) error { return port.serve(ctx, s.metadataLn, s.metadataHandler) })
	for _, own := range s.ownListeners {
		part(func(ctx context.Context) error { return port.serve(ctx, own.Listener, own.handler) })
	}
	part(func(ctx context.Context) error { return s.gateway.Serve(ctx, s.mysqlLn) })
	part(s.sweepAccounts)
	part(func(ctx context.Context) error { return s.retryDepartures(ctx, departuresEvery) })
	part(s.issuer.Run)
	if s.opsLn != nil {
		part(func(ctx context.Context) error { return s.serveOps(ctx, port) })
	}
	if s.proxyLn != nil {
		part(s.serveProxy)
	}
}
