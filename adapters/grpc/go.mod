module github.com/sallyport-auth/sallyport/adapters/grpc

go 1.26.0

require (
	github.com/sallyport-auth/sallyport v0.0.0
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260706201446-f0a921348800
	google.golang.org/grpc v1.84.0
	google.golang.org/protobuf v1.36.11
)

require (
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)

replace github.com/sallyport-auth/sallyport => ../..
