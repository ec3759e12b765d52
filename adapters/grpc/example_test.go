package sallyportgrpc_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/sallyport-auth/sallyport"
	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

// keys is an authenticator; that of a program is the gate's of server.Open.
type keys map[string]*sallyport.Principal

func (k keys) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if p := k[c.Value]; c.Scheme == sallyport.SchemeAPIKey && p != nil {
		return p, nil
	}
	return nil, sallyport.ErrInvalidCredential
}

// A server each method of which has its door, and a client with an API key.
func Example() {
	robot := &sallyport.Principal{Kind: sallyport.Service, Subject: "svc_robot"}
	gate := &sallyport.Gate{Authenticators: []sallyport.Authenticator{keys{"sp_test_robot": robot}}}
	guard, err := sallyportgrpc.New(sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{
		healthpb.Health_Check_FullMethodName: sallyport.SignedIn(),
		healthpb.Health_List_FullMethodName:  sallyport.May("server:inspect"),
		healthpb.Health_Watch_FullMethodName: sallyport.Public(),
	}})
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(guard.Options()...)
	healthpb.RegisterHealthServer(server, health.NewServer())
	if err := guard.Verify(server); err != nil { // a method without a door, a door without a method
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Stop()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	client, ctx := healthpb.NewHealthClient(conn), context.Background()
	key := grpc.PerRPCCredentials(sallyportgrpc.APIKey{Source: sallyportgrpc.Fixed("sp_test_robot"), InsecurePlaintext: true})

	_, err = client.Check(ctx, new(healthpb.HealthCheckRequest))
	fmt.Println("without the key:", status.Code(err))
	_, err = client.Check(ctx, new(healthpb.HealthCheckRequest), key)
	fmt.Println("with it:", status.Code(err))
	_, err = client.List(ctx, new(healthpb.HealthListRequest), key)
	fmt.Println("what the policy does not permit:", status.Code(err))
	// Output:
	// without the key: Unauthenticated
	// with it: OK
	// what the policy does not permit: PermissionDenied
}
