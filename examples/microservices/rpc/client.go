package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

// call calls a method and prints what it answers.
func call(ctx context.Context, addr, method, token string) error {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if token != "" { // in the clear: this is for loopback
		options = append(options, grpc.WithPerRPCCredentials(sallyportgrpc.Bearer{Source: sallyportgrpc.Fixed(token), InsecurePlaintext: true}))
	}
	conn, err := grpc.NewClient(addr, options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	switch method {
	case "whoami":
		return ask(ctx, conn, whoAmI)
	case "reports":
		return ask(ctx, conn, reports)
	case "follow":
		return listen(ctx, conn)
	}
	return fmt.Errorf("--call %s: there are whoami, reports and follow", method)
}

func ask(ctx context.Context, conn *grpc.ClientConn, method string) error {
	out := new(wrapperspb.StringValue)
	if err := conn.Invoke(ctx, method, new(emptypb.Empty), out); err != nil {
		return err
	}
	fmt.Println(out.Value)
	return nil
}

func listen(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := conn.NewStream(ctx, &description.Streams[0], follow)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(new(emptypb.Empty)); err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg says why
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		out := new(wrapperspb.StringValue)
		if err := stream.RecvMsg(out); err != nil {
			return err
		}
		fmt.Println(out.Value)
	}
}
