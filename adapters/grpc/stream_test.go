package sallyportgrpc_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

var (
	chat   = &grpc.StreamDesc{StreamName: "Chat", ServerStreams: true, ClientStreams: true}
	follow = &grpc.StreamDesc{StreamName: "Follow", ServerStreams: true}
)

func open(t testing.TB, ctx context.Context, conn *grpc.ClientConn, d *grpc.StreamDesc, options ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	cs, err := conn.NewStream(ctx, d, "/board.Posts/"+d.StreamName, options...)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// echo sends back what it receives.
func echo(ss grpc.ServerStream) error {
	for {
		m := new(wrapperspb.StringValue)
		if err := ss.RecvMsg(m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := ss.SendMsg(m); err != nil {
			return err
		}
	}
}

// drain receives until the stream ends, and returns how.
func drain(cs grpc.ClientStream) *status.Status {
	for {
		if err := cs.RecvMsg(new(wrapperspb.StringValue)); err == io.EOF {
			return status.New(codes.OK, "")
		} else if err != nil {
			s, _ := status.FromError(err)
			return s
		}
	}
}

// noWatch waits until nobody looks at a stream any more; it does not come back if
// somebody always does.
func noWatch() {
	buf := make([]byte, 1<<20)
	for strings.Contains(string(buf[:runtime.Stack(buf, true)]), "adapters/grpc.(*stream)") {
		runtime.Gosched()
	}
}

// A stream ends with what lets it, whatever it is doing then.
func TestStreamsEnd(t *testing.T) {
	revoked := func(h *house) { h.revoked = true }
	denied := func(h *house) { h.denied = map[string]bool{"read": true} }
	down := func(h *house) { h.down = true }
	slow, quick := time.Hour, time.Millisecond
	big := wrapperspb.String(strings.Repeat("x", 1<<20))
	// Each handler calls ready once it is about to do what it does when the house changes.
	for _, tt := range []struct {
		name    string
		method  *grpc.StreamDesc
		handler func(ss grpc.ServerStream, ready func()) error
		idle    time.Duration
		turn    func(*house)
		poke    bool // the client sends something after the change
		code    codes.Code
		reason  string
	}{
		{"a message arrives after the credential was revoked", chat, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			slow, revoked, true, codes.Unauthenticated, "INVALID_TOKEN"},
		{"a message arrives after a role was lost", chat, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			slow, denied, true, codes.PermissionDenied, "FORBIDDEN"},
		{"a message arrives and nobody can tell", chat, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			slow, down, true, codes.Unavailable, "UNAVAILABLE"},
		{"nobody sends anything", chat, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			quick, revoked, false, codes.Unauthenticated, "INVALID_TOKEN"},
		{"nobody sends anything, and nobody can tell", chat, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			quick, down, false, codes.Unavailable, "UNAVAILABLE"},
		{"the client never says that it has sent everything", follow, func(ss grpc.ServerStream, ready func()) error { ready(); return echo(ss) },
			quick, revoked, false, codes.Unauthenticated, "INVALID_TOKEN"},
		{"the handler sends all the time", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			for {
				if err := ss.SendMsg(wrapperspb.String("x")); err != nil {
					return err
				}
			}
		}, slow, revoked, false, codes.Unauthenticated, "INVALID_TOKEN"},
		{"the client does not read what is sent", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			for {
				if err := ss.SendMsg(big); err != nil {
					return err
				}
			}
		}, quick, denied, false, codes.PermissionDenied, "FORBIDDEN"},
		{"the handler waits for something else", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			<-ss.Context().Done()
			return ss.Context().Err()
		}, quick, denied, false, codes.PermissionDenied, "FORBIDDEN"},
		{"the handler says that all is well", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			<-ss.Context().Done()
			return nil
		}, quick, revoked, false, codes.Unauthenticated, "INVALID_TOKEN"},
		{"the handler makes a status of its own of it", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			if err := ss.RecvMsg(new(wrapperspb.StringValue)); err != nil {
				return status.Error(codes.Internal, "receiving")
			}
			return nil
		}, slow, denied, true, codes.PermissionDenied, "FORBIDDEN"},
		{"the handler does not listen, and says nothing more", chat, func(ss grpc.ServerStream, ready func()) error {
			ready()
			<-ss.Context().Done()
			for range 3 {
				if ss.SendMsg(wrapperspb.String("still")) == nil || ss.RecvMsg(new(wrapperspb.StringValue)) == nil {
					return errors.New("a message after the end")
				}
			}
			return nil
		}, quick, revoked, false, codes.Unauthenticated, "INVALID_TOKEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ready, returned := make(chan struct{}), make(chan struct{})
			r := serve(t, &board{stream: func(ss grpc.ServerStream) error {
				defer close(returned)
				return tt.handler(ss, func() { close(ready) })
			}}, sallyportgrpc.Config{Idle: tt.idle})
			cs := open(t, offering(t, annToken), r.plain(t), tt.method)
			<-ready
			r.house.change(tt.turn)
			if tt.poke {
				cs.SendMsg(wrapperspb.String("anybody there?"))
			}
			<-returned // before the client has read anything
			s := drain(cs)
			if s.Code() != tt.code {
				t.Fatalf("%v: %s", s.Code(), s.Message())
			}
			if info, _ := details(t, s); info == nil || info.Reason != tt.reason {
				t.Errorf("info %v", info)
			}
			if got := strings.Join(cs.Trailer()["www-authenticate"], ""); (got == invalidToken) != (tt.code == codes.Unauthenticated) {
				t.Errorf("challenge %q", got)
			}
			if n := strings.Count(r.log.String(), "request refused"); n != 1 {
				t.Errorf("logged %d times: %s", n, r.log)
			}
			noWatch()
		})
	}
}

// What the doors do not mind is left as it is.
func TestStreamsOfThemselves(t *testing.T) {
	for _, tt := range []struct {
		name    string
		offer   []string
		handler func(grpc.ServerStream) error
		code    codes.Code
	}{
		{"a conversation", []string{annToken}, echo, codes.OK},
		{"no credential", nil, echo, codes.Unauthenticated},
		{"two credentials", []string{annToken, annKey}, echo, codes.InvalidArgument},
		{"a handler's problem", []string{annToken}, func(grpc.ServerStream) error { return errStoreDown }, codes.Unavailable},
		{"a handler's status", []string{annToken}, func(grpc.ServerStream) error { return status.Error(codes.DataLoss, "lost") }, codes.DataLoss},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := serve(t, &board{stream: tt.handler}, sallyportgrpc.Config{Idle: time.Millisecond})
			cs := open(t, offering(t, tt.offer...), r.plain(t), chat)
			for _, word := range []string{"one", "two"} {
				if cs.SendMsg(wrapperspb.String(word)); tt.code != codes.OK {
					continue
				}
				m := new(wrapperspb.StringValue)
				if err := cs.RecvMsg(m); err != nil || m.Value != word {
					t.Errorf("%q, %v", m.Value, err)
				}
			}
			cs.CloseSend()
			if s := drain(cs); s.Code() != tt.code {
				t.Errorf("%v: %s", s.Code(), s.Message())
			}
			noWatch()
		})
	}
}

func TestAClientThatHangsUp(t *testing.T) {
	why := make(chan error, 1)
	r := serve(t, &board{stream: func(ss grpc.ServerStream) error {
		err := ss.RecvMsg(new(wrapperspb.StringValue))
		why <- err
		return err
	}}, sallyportgrpc.Config{Idle: time.Millisecond})
	ctx, cancel := context.WithCancel(offering(t, annToken))
	cs := open(t, ctx, r.plain(t), chat)
	cancel()
	if s := drain(cs); s.Code() != codes.Canceled {
		t.Errorf("%v", s)
	}
	select {
	case err := <-why:
		if status.Code(err) != codes.Canceled {
			t.Errorf("the handler was told %v", err)
		}
	case <-t.Context().Done():
	}
	noWatch()
	if log := r.log.String(); log != "" {
		t.Errorf("log %s", log)
	}
}

// panicking is a codec that panics where it has no message to fill.
type panicking struct{ encoding.CodecV2 }

func (p panicking) Unmarshal(data mem.BufferSlice, v any) error {
	if v == nil {
		panic("no message")
	}
	return p.CodecV2.Unmarshal(data, v)
}

// A panic of a codec reaches those who recover from panics, and no other goroutine.
func TestPanicsStayWhereTheyAre(t *testing.T) {
	recovered := make(chan any, 1)
	r := serve(t, &board{stream: func(ss grpc.ServerStream) (err error) {
		defer func() {
			recovered <- recover()
			err = status.Error(codes.Internal, "recovered")
		}()
		return ss.RecvMsg(nil) // the codec does not know what to do with it
	}}, sallyportgrpc.Config{}, grpc.ForceServerCodecV2(panicking{encoding.GetCodecV2("proto")}))
	cs := open(t, offering(t, annToken), r.plain(t), chat)
	if err := cs.SendMsg(wrapperspb.String("x")); err != nil {
		t.Fatal(err)
	}
	if s := drain(cs); s.Code() != codes.Internal {
		t.Errorf("%v", s)
	}
	if v := <-recovered; v != "no message" {
		t.Errorf("recovered %v", v)
	}
	noWatch()
}

// Many calls and streams, while who may what changes: for the race detector.
func TestManyAtOnce(t *testing.T) {
	r := serve(t, &board{unary: greet, stream: echo}, sallyportgrpc.Config{Idle: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 8 {
		conn := r.plain(t)
		wg.Go(func() {
			for n := 0; ; n++ {
				if i == 0 && n == 50 {
					r.house.change(func(h *house) { h.revoked = true })
				}
				who, s, _ := call(offering(t, annToken), conn, "Read", "")
				if s.Code() == codes.Unauthenticated {
					return
				}
				if s.Code() != codes.OK || who != "usr_ann" {
					t.Errorf("%q: %v", who, s)
					return
				}
			}
		})
		for range 4 {
			wg.Go(func() {
				cs, err := conn.NewStream(offering(t, annKey), chat, "/board.Posts/Chat")
				if err != nil {
					t.Error(err)
					return
				}
				for cs.SendMsg(wrapperspb.String("x")) == nil && cs.RecvMsg(new(wrapperspb.StringValue)) == nil {
				}
				if s := drain(cs); s.Code() != codes.Unauthenticated {
					t.Errorf("%v", s)
				}
			})
		}
	}
	wg.Wait()
	noWatch()
}

// What the doors add to a message that is sent back.
func BenchmarkEcho(b *testing.B) {
	guarded := serve(b, &board{stream: echo}, sallyportgrpc.Config{})
	bare := listen(b, (&board{stream: echo}).describe())
	for name, addr := range map[string]string{"bare": bare, "guarded": guarded.addr} {
		b.Run(name, func(b *testing.B) {
			conn := (&running{addr: addr}).plain(b)
			cs := open(b, offering(b, annToken), conn, chat)
			m := wrapperspb.String("hello")
			for b.Loop() {
				if err := cs.SendMsg(m); err != nil {
					b.Fatal(err)
				}
				if err := cs.RecvMsg(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
