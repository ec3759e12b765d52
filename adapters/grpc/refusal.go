package sallyportgrpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sallyport-auth/sallyport"
)

// A refusal is how a call ends that has no good answer.
type refusal struct {
	err     error // a status
	trailer metadata.MD
}

// send returns the status of a call with one answer, and sets its trailers.
func (r *refusal) send(ctx context.Context) error {
	grpc.SetTrailer(ctx, r.trailer) // fails only where there is no call
	return r.err
}

func (r *refusal) sendOn(ss grpc.ServerStream) error {
	ss.SetTrailer(r.trailer)
	return r.err
}

// answer says what becomes of a handler's error: see [Guard.Unary]. What is ours
// comes before a status that it may wrap, which is a cause then: one of a store that
// is reached by gRPC, say.
func (g *Guard) answer(ctx context.Context, method string, err error) *refusal {
	if ours(err) {
		return g.refuse(ctx, method, err)
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.OK {
		return &refusal{err: err}
	}
	if over := ctx.Err(); over != nil && errors.Is(err, over) {
		return &refusal{err: status.FromContextError(over).Err()}
	}
	return g.refuse(ctx, method, err)
}

func ours(err error) bool {
	if _, ok := errors.AsType[*sallyport.Problem](err); ok {
		return true
	}
	return errors.Is(err, sallyport.ErrNoCredential) || errors.Is(err, sallyport.ErrInvalidCredential) || errors.Is(err, sallyport.ErrNotFound)
}

// refuse is [sallyport.Gate.Refusal] in the words of gRPC.
func (g *Guard) refuse(ctx context.Context, method string, err error) *refusal {
	var traceparent string
	if t := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(t) == 1 {
		traceparent = t[0]
	}
	p := g.config.Gate.Refusal(ctx, method, traceparent, err)
	s := status.New(codeOf(p), valid(cmp.Or(p.Detail, p.Title)))
	details := []protoadapt.MessageV1{g.info(p)}
	if wait, ok := retryAfter(p); ok {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	if detailed, err := s.WithDetails(details...); err == nil {
		s = detailed
	}
	return &refusal{s.Err(), trailer(p)}
}

// info is what programs read of a refusal.
func (g *Guard) info(p *sallyport.Problem) *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{
		Reason: strings.ToUpper(valid(p.Code)), Domain: valid(cmp.Or(g.config.Domain, "sallyport")),
		Metadata: make(map[string]string, len(p.Extra)),
	}
	for name, value := range p.Extra {
		info.Metadata[valid(name)] = valid(fmt.Sprint(value))
	}
	return info
}

// valid is s as a message can hold it: one byte of something else, and gRPC would
// send no details at all.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// trailer is what HTTP is told in headers, where gRPC can say it.
func trailer(p *sallyport.Problem) metadata.MD {
	md := make(metadata.MD, len(p.Header))
	for name, values := range p.Header {
		for _, v := range values {
			if !strings.ContainsFunc(v, unprintable) {
				md.Append(name, v)
			}
		}
	}
	return md
}

func unprintable(r rune) bool { return r < 0x20 || r > 0x7e }

// codeOf never is OK: the status of a problem refuses.
func codeOf(p *sallyport.Problem) codes.Code {
	switch p.Status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound, http.StatusGone:
		return codes.NotFound
	case http.StatusConflict:
		if strings.HasSuffix(p.Code, "exists") || strings.HasSuffix(p.Code, "taken") {
			return codes.AlreadyExists
		}
		return codes.Aborted
	case http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusLocked, http.StatusFailedDependency:
		return codes.FailedPrecondition
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return codes.Unavailable
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	}
	if p.Status >= 500 {
		return codes.Internal
	}
	return codes.InvalidArgument
}

// retryAfter reads delay-seconds (RFC 9110 §10.2.3): nobody here writes a date.
func retryAfter(p *sallyport.Problem) (time.Duration, bool) {
	seconds, err := strconv.ParseUint(p.Header.Get("Retry-After"), 10, 31)
	return time.Duration(seconds) * time.Second, err == nil
}
