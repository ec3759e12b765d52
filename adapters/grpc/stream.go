package sallyportgrpc

import (
	"cmp"
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// stream is a [grpc.ServerStream] that asks the doors again and again.
type stream struct {
	grpc.ServerStream
	guard  *Guard
	method string
	ctx    context.Context // done when the call is, or once it is refused
	cancel context.CancelFunc

	mu      sync.Mutex
	refused *refusal // nil while the doors let it pass
}

func (g *Guard) stream(ctx context.Context, ss grpc.ServerStream, method string) *stream {
	s := &stream{ServerStream: ss, guard: g, method: method}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// end ends the watch, and returns what the doors refused the call with, if they
// did. Nothing refuses it afterwards.
func (s *stream) end() *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
	return s.refused
}

// Context implements [grpc.ServerStream].
func (s *stream) Context() context.Context { return s.ctx }

// RecvMsg implements [grpc.ServerStream].
func (s *stream) RecvMsg(m any) error {
	if err := s.await(func() error { return s.ServerStream.RecvMsg(m) }); err != nil {
		return err
	}
	return s.recheck()
}

// SendMsg implements [grpc.ServerStream].
func (s *stream) SendMsg(m any) error {
	if err := s.recheck(); err != nil {
		return err
	}
	return s.await(func() error { return s.ServerStream.SendMsg(m) })
}

// watch looks at the stream while nothing moves on it, until the call is over.
func (s *stream) watch() {
	tick := time.NewTicker(cmp.Or(s.guard.config.Idle, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.recheck()
		}
	}
}

// recheck returns nil while the doors let the call pass; from the first refusal on,
// that. What the doors say of a call that is over is not about the doors.
func (s *stream) recheck() error {
	if s.ctx.Err() == nil {
		if err := s.guard.config.Gate.Recheck(s.ctx); err != nil {
			s.refuse(err)
		}
	}
	return s.over()
}

func (s *stream) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.refused = s.guard.refuse(s.ctx, s.method, err)
		s.cancel()
	}
}

// refusal returns what the doors refused the call with, nil if they did not.
func (s *stream) refusal() *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// over returns why the call is over, nil if it is not.
func (s *stream) over() error {
	if r := s.refusal(); r != nil {
		return r.err
	}
	if err := s.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return nil
}

// await does what may wait for the client, but no longer than until a refusal: gRPC
// has nothing to interrupt it with but the end of the call, which is when do
// returns then. After a refusal it does nothing, because that may still go on. A
// panic in it, of a codec, is the caller's.
func (s *stream) await(do func() error) error {
	if r := s.refusal(); r != nil {
		return r.err
	}
	type outcome struct {
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.err = do()
	}()
	var o outcome
	select {
	case o = <-done:
	case <-s.ctx.Done():
		if r := s.refusal(); r != nil {
			return r.err
		}
		o = <-done // the call is over for gRPC too
	}
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.err
}
