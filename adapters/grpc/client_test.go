package sallyportgrpc_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

// readable is a transport that is TLS, and says that everybody may read along.
type readable struct {
	credentials.TransportCredentials
}

func (r readable) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, c)
	if err != nil {
		return nil, nil, err
	}
	tls := info.(credentials.TLSInfo)
	tls.SecurityLevel = credentials.IntegrityOnly
	return conn, tls, nil
}

func (r readable) Clone() credentials.TransportCredentials { return r }

// What the client's side sends, and what it refuses to.
func TestClientCredentials(t *testing.T) {
	ca := newAuthority(t)
	b := &board{unary: greet}
	plain, secure := serve(t, b, sallyportgrpc.Config{}), serve(t, b, sallyportgrpc.Config{}, ca.server(t, tls.NoClientCert))
	ann := sallyportgrpc.Fixed("ann-" + secretMarker)
	failing := func(err error) sallyportgrpc.Source {
		return func(context.Context) (string, error) { return "", err }
	}
	for _, tt := range []struct {
		name   string
		secure bool
		send   credentials.PerRPCCredentials
		code   codes.Code
	}{
		{"a token over TLS", true, sallyportgrpc.Bearer{Source: ann}, codes.OK},
		{"a key over TLS", true, sallyportgrpc.APIKey{Source: ann}, codes.OK},
		{"a token that everybody could read", false, sallyportgrpc.Bearer{Source: ann}, codes.Unauthenticated},
		{"a key that everybody could read", false, sallyportgrpc.APIKey{Source: ann}, codes.Unauthenticated},
		{"a token that everybody may read", false, sallyportgrpc.Bearer{Source: ann, InsecurePlaintext: true}, codes.OK},
		{"a key that everybody may read", false, sallyportgrpc.APIKey{Source: ann, InsecurePlaintext: true}, codes.OK},
		{"no source", true, sallyportgrpc.Bearer{}, codes.Internal},
		{"a source that does not know", true, sallyportgrpc.APIKey{Source: failing(errStoreDown)}, codes.Unavailable},
		{"a source that says what to say", true, sallyportgrpc.Bearer{Source: failing(status.Error(codes.ResourceExhausted, "later"))}, codes.ResourceExhausted},
		{"a source that was given no time", true, sallyportgrpc.Bearer{Source: failing(context.DeadlineExceeded)}, codes.DeadlineExceeded},
		{"a token that is no more", true, sallyportgrpc.Bearer{Source: sallyportgrpc.Fixed("old")}, codes.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := plain.plain(t)
			if tt.secure {
				conn = secure.dial(t, ca.client())
			}
			out, s, _ := call(t.Context(), conn, "Read", "", grpc.PerRPCCredentials(tt.send))
			if s.Code() != tt.code || (tt.code == codes.OK) != (out == "usr_ann") {
				t.Errorf("%v as %q: %s", s.Code(), out, s.Message())
			}
			if strings.Contains(s.Message(), secretMarker) {
				t.Errorf("told %s", s.Message())
			}
		})
	}
	if _, s, _ := call(t.Context(), secure.dial(t, readable{ca.client()}), "Read", "", grpc.PerRPCCredentials(sallyportgrpc.Bearer{Source: ann})); s.Code() != codes.Unauthenticated {
		t.Errorf("over a connection that is not private: %v", s)
	}
	if _, err := grpc.NewClient(plain.addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(sallyportgrpc.Bearer{Source: ann})); err == nil {
		t.Error("a connection that everybody reads, with a token for every call")
	}
}

// Outside a call there is no connection that could be private.
func TestCredentialsAreForCalls(t *testing.T) {
	for _, send := range []credentials.PerRPCCredentials{
		sallyportgrpc.Bearer{Source: sallyportgrpc.Fixed("x")}, sallyportgrpc.APIKey{Source: sallyportgrpc.Fixed("x")},
	} {
		if md, err := send.GetRequestMetadata(t.Context()); err == nil || md != nil {
			t.Errorf("%T: %v, %v", send, md, err)
		}
	}
}
