// Package sallyportgrpc puts the two doors of a [sallyport.Gate] before the methods
// of a gRPC server: who are you? (Unauthenticated), then what may you do?
// (PermissionDenied).
//
// A [Guard] knows a [sallyport.Door] for each method. Its interceptors read the
// credential of a call from the metadata authorization, x-api-key and dpop, or take
// the client's verified certificate where there is none, never a cookie, and put it
// through the door. A method without a door is refused; [Guard.Verify] finds it
// before the first call.
//
//	guard, err := sallyportgrpc.New(sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{
//		pb.Posts_Read_FullMethodName:                      sallyport.May("post:read"),
//		pb.Posts_Follow_FullMethodName:                    sallyport.SignedIn(),
//		healthpb.Health_Check_FullMethodName:              sallyport.Public(),
//		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": sallyport.May("server:reflect"),
//	}})
//	...
//	server := grpc.NewServer(guard.Options()...)
//	pb.RegisterPostsServer(server, posts)
//	if err := guard.Verify(server); err != nil { ... }
//
// In a handler [sallyport.From] tells who it is and [sallyport.Gate.Check] asks
// about an object; the error of either, like every [sallyport.Problem], is
// returned as it is. What a refusal becomes: see [Guard.Unary].
//
// A stream ends with what lets it: the doors are asked about each message again,
// and once a second while there is none, so that a sign-out, a removed role or an
// expired token ends a stream that runs. See [Guard.Stream].
//
// [Bearer] and [APIKey] are the client's side.
package sallyportgrpc
