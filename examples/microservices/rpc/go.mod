module github.com/sallyport-auth/sallyport/examples/microservices/rpc

go 1.26.0

require (
	github.com/sallyport-auth/sallyport v0.0.0
	github.com/sallyport-auth/sallyport/adapters/grpc v0.0.0
	google.golang.org/grpc v1.84.0
	google.golang.org/protobuf v1.36.11
)

require (
	github.com/cedar-policy/cedar-go v1.9.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	golang.org/x/exp v0.0.0-20231110203233-9a3e6036ecaa // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260706201446-f0a921348800 // indirect
)

replace (
	github.com/sallyport-auth/sallyport => ../../..
	github.com/sallyport-auth/sallyport/adapters/grpc => ../../../adapters/grpc
)
