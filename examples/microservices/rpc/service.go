package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sallyport-auth/sallyport"
)

// The full names of the methods.
const (
	whoAmI  = "/office.Reports/WhoAmI"
	reports = "/office.Reports/Reports"
	follow  = "/office.Reports/Follow"
)

// description is what a compiler of protocol buffers writes for
//
//	service Reports {
//	  rpc WhoAmI(google.protobuf.Empty) returns (google.protobuf.StringValue);
//	  rpc Reports(google.protobuf.Empty) returns (google.protobuf.StringValue);
//	  rpc Follow(google.protobuf.Empty) returns (stream google.protobuf.StringValue);
//	}
var description = grpc.ServiceDesc{
	ServiceName: "office.Reports",
	Methods: []grpc.MethodDesc{
		unary("WhoAmI", whoAmI, func(p *sallyport.Principal) string { return fmt.Sprintf("%s, roles %v", p.Subject, p.Roles) }),
		unary("Reports", reports, func(p *sallyport.Principal) string { return "reports for " + p.Subject }),
	},
	Streams: []grpc.StreamDesc{{StreamName: "Follow", ServerStreams: true, Handler: following}},
}

// unary is a method that says something of who calls it.
func unary(name, full string, say func(*sallyport.Principal) string) grpc.MethodDesc {
	answer := func(ctx context.Context, _ any) (any, error) {
		return wrapperspb.String(say(sallyport.From(ctx))), nil
	}
	return grpc.MethodDesc{MethodName: name, Handler: func(service any, ctx context.Context, read func(any) error, guard grpc.UnaryServerInterceptor) (any, error) {
		in := new(emptypb.Empty)
		if err := read(in); err != nil {
			return nil, err
		}
		return guard(ctx, in, &grpc.UnaryServerInfo{Server: service, FullMethod: full}, answer)
	}}
}

// following tells who follows that they still do, until they go or the doors do not
// let them any more: then the guard ends the context, and tells the client why.
func following(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
		return err
	}
	for n := 1; ; n++ {
		line := fmt.Sprintf("%d for %s", n, sallyport.From(stream.Context()).Subject)
		if err := stream.SendMsg(wrapperspb.String(line)); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-time.After(time.Second):
		}
	}
}
