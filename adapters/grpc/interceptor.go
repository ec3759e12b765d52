package sallyportgrpc

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	"github.com/sallyport-auth/sallyport"
)

// Unary returns the interceptor of calls that have one answer. A call is refused, or
// its handler's error answered, as follows:
//
//   - a status of gRPC, of the handler's own making, passes as it is;
//   - every other error is what [sallyport.Gate.Error] makes of it, by its status:
//     400 InvalidArgument, 401 Unauthenticated, 403 PermissionDenied, 404 NotFound,
//     409 Aborted, or AlreadyExists if its code says that something exists or is
//     taken, 429 ResourceExhausted, 503 Unavailable. An error that is nobody's is 503
//     there and here;
//   - the error of a context that is over is Canceled or DeadlineExceeded.
//
// The status carries an ErrorInfo, whose reason is the problem's code in capitals
// and whose metadata has the problem's members (decision_id, trace_id) and what a
// challenge says (error, scope, acr_values, max_age); RetryInfo where it is known
// when to come back; and as trailers the headers of HTTP: www-authenticate,
// retry-after. The cause goes to the gate's log, never to the client. A panic is
// left to whom it concerns.
//
// gRPC reads the message of a call before it asks an interceptor.
func (g *Guard) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := g.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, g.refuse(ctx, info.FullMethod, err).send(ctx)
		}
		response, err := handler(ctx, request)
		if err != nil {
			return nil, g.answer(ctx, info.FullMethod, err).send(ctx)
		}
		return response, nil
	}
}

// Stream returns the interceptor of calls with streams. It refuses, and answers the
// handler's error, as [Guard.Unary] does.
//
// The doors are asked by [sallyport.Gate.Recheck] about each message that was
// received, before the handler sees it; about each that is to be sent; and, by a
// goroutine that lives as long as the call, each [Config.Idle], so that a stream on
// which nothing moves ends too. From the first refusal on the stream's context is
// done, RecvMsg and SendMsg return the refusal at once, also where they were
// waiting for the client, and whatever the handler returns, the client is told the
// refusal. It is still up to the handler to return: one that waits for something
// else waits for the context too.
//
// A message that was given to RecvMsg must not be used again once that has returned
// an error: gRPC may be about to fill it.
func (g *Guard) Stream() grpc.StreamServerInterceptor {
	return func(server any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := g.admit(ss.Context(), info.FullMethod)
		if err != nil {
			return g.refuse(ctx, info.FullMethod, err).sendOn(ss)
		}
		s := g.stream(ctx, ss, info.FullMethod)
		defer s.end() // a panic ends it too
		go s.watch()
		err = handler(server, s)
		if r := s.end(); r != nil {
			return r.sendOn(ss)
		}
		if err != nil {
			return g.answer(ctx, info.FullMethod, err).sendOn(ss)
		}
		return nil
	}
}

// admit puts a call through its door. With an error the context is what is known of
// the call.
func (g *Guard) admit(ctx context.Context, method string) (context.Context, error) {
	admit, ok := g.doors[method]
	if !ok {
		return ctx, &sallyport.Problem{Status: http.StatusNotImplemented, Code: "no_door", Detail: "This method is not served: it has no door."}
	}
	c, err := g.credential(ctx, method)
	if err != nil {
		return ctx, err
	}
	return admit(ctx, c)
}
