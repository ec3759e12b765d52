package sallyportgrpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// A Source returns the secret to send with a call. It is asked for every call, by
// several at once, and remembers by itself what is still good. An error that is no
// status of gRPC ends the call as Unavailable.
type Source func(context.Context) (string, error)

// Fixed is the source of a secret that does not change while the program runs.
func Fixed(secret string) Source {
	return func(context.Context) (string, error) { return secret, nil }
}

// Bearer sends a token with every call, as authorization: Bearer. It is a
// [credentials.PerRPCCredentials], for [grpc.WithPerRPCCredentials] or
// [grpc.PerRPCCredentials]; a call that has both offers two, which is refused.
type Bearer struct {
	Source Source

	InsecurePlaintext bool // also over connections on which everybody reads the token
}

// APIKey is [Bearer] for an API key, which goes into x-api-key.
type APIKey struct {
	Source Source

	InsecurePlaintext bool // also over connections on which everybody reads the key
}

var (
	_ credentials.PerRPCCredentials = Bearer{}
	_ credentials.PerRPCCredentials = APIKey{}
)

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b Bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := secret(ctx, b.Source, b.InsecurePlaintext)
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (b Bearer) RequireTransportSecurity() bool { return !b.InsecurePlaintext }

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (k APIKey) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	key, err := secret(ctx, k.Source, k.InsecurePlaintext)
	if err != nil {
		return nil, err
	}
	return map[string]string{"x-api-key": key}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (k APIKey) RequireTransportSecurity() bool { return !k.InsecurePlaintext }

// secret asks the source, once the connection is found to be private: gRPC asks for
// some security only, which an authenticated but readable connection has too.
func secret(ctx context.Context, source Source, plaintext bool) (string, error) {
	if source == nil {
		return "", status.Error(codes.Internal, "sallyportgrpc: credentials without a source")
	}
	if !plaintext {
		info, _ := credentials.RequestInfoFromContext(ctx)
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return "", status.Error(codes.Unauthenticated, "sallyportgrpc: credentials are not sent over this connection: "+err.Error())
		}
	}
	s, err := source(ctx)
	if err == nil {
		return s, nil
	}
	if _, ok := status.FromError(err); ok {
		return "", err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "", status.FromContextError(err).Err()
	}
	return "", status.Error(codes.Unavailable, fmt.Sprintf("sallyportgrpc: getting credentials: %v", err))
}
