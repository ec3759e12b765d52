// Rpc is a gRPC service that knows only the address of the issuer. It guards its
// methods with the same doors as a service of HTTP, asks nobody about a call, and
// follows the issuer's feed: a sign-out is in force within milliseconds, on streams
// that run too.
//
// SALLYPORT_KEY holds an API key of the issuer with the scope revocation:read. With
// --call it is the client of such a service instead.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"

	"github.com/sallyport-auth/sallyport"
	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
	"github.com/sallyport-auth/sallyport/verifier"
)

func main() {
	issuer := flag.String("issuer", "http://127.0.0.1:8080", "URL of the issuer")
	addr := flag.String("addr", "127.0.0.1:9191", "address to listen on, or to call")
	method := flag.String("call", "", "be a client, and call a method: whoami, reports or follow")
	token := flag.String("token", "", "access token to call it with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *method != "" {
		err = call(ctx, *addr, *method, *token)
	} else {
		err = run(ctx, *issuer, *addr, os.Getenv("SALLYPORT_KEY"))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// doors has one for each method: see [sallyportgrpc.Guard.Verify].
var doors = map[string]sallyport.Door{
	whoAmI:  sallyport.SignedIn(),
	reports: sallyport.May("report:read"),
	follow:  sallyport.SignedIn(),
}

func run(ctx context.Context, issuer, addr, key string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	v, err := verifier.Open(ctx, verifier.Config{Issuer: issuer, Key: key})
	if err != nil {
		return err
	}
	defer v.Close()
	guard, err := sallyportgrpc.New(sallyportgrpc.Config{Gate: v.Gate, Doors: doors})
	if err != nil {
		return err
	}
	s := grpc.NewServer(guard.Options()...)
	s.RegisterService(&description, nil)
	if err := guard.Verify(s); err != nil { // a method without a door, a door without a method
		return err
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	context.AfterFunc(ctx, s.Stop)
	return s.Serve(listener)
}
