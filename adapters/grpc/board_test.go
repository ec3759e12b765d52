package sallyportgrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sallyport-auth/sallyport"
	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

// secretMarker is in each credential, and must never turn up in a log or an answer.
const secretMarker = "s3cr3t"

const (
	annToken = "authorization: Bearer ann-" + secretMarker
	annKey   = "x-api-key: ann-" + secretMarker
)

var (
	ann          = &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", AuthTime: time.Now()}
	errStoreDown = errors.New("dial tcp: connection refused")
)

// house is who may what, until it changes: authenticator, policy and limiter. What
// is offered is a word that says what comes of it.
type house struct {
	mu      sync.Mutex
	revoked bool                 // whatever was offered
	down    bool                 // cannot tell who anybody is
	denied  map[string]bool      // actions, beside "write"
	offered sallyport.Credential // last
	addrs   map[netip.Addr]bool  // that the policy heard of
}

func (h *house) change(f func(h *house)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
}

func (h *house) Challenge() string { return `Bearer realm="board"` }

func (h *house) Authenticate(_ context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offered = c
	word, _, _ := strings.Cut(c.Value, "-")
	switch {
	case h.down || word == "down":
		// A status of the house's own store is none of the client's business.
		return nil, status.Error(codes.NotFound, errStoreDown.Error())
	case h.revoked:
		return nil, fmt.Errorf("%w: revoked just now", sallyport.ErrInvalidCredential)
	case c.Scheme == sallyport.SchemeCertificate:
		return &sallyport.Principal{Kind: sallyport.Service, Subject: "svc_" + c.Peer.DNSNames[0]}, nil
	case word == "ann":
		return ann, nil
	}
	return nil, fmt.Errorf("%w: expired yesterday", sallyport.ErrInvalidCredential)
}

func (h *house) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.addrs == nil {
		h.addrs = make(map[netip.Addr]bool)
	}
	h.addrs[q.Context.Addr] = true
	switch q.Action {
	case "write":
		return sallyport.Decision{ID: "dec_1", Rule: "rule 7"}, nil
	case "wide":
		return sallyport.Decision{ID: "dec_2", Need: &sallyport.Need{Scope: "post:write"}}, nil
	case "strong":
		return sallyport.Decision{Need: &sallyport.Need{ACR: []string{"aal2", "aal3"}, MaxAge: 5 * time.Minute}}, nil
	case "undecided":
		return sallyport.Decision{}, errStoreDown
	}
	return sallyport.Decision{Allow: q.Principal.Kind != sallyport.Anonymous && !h.denied[q.Action]}, nil
}

func (h *house) Spend(_ context.Context, limit string, _ *sallyport.Principal, _ netip.Addr) error {
	if limit == "plenty" {
		return nil
	}
	return &sallyport.Problem{Status: 429, Code: "rate_limited", Detail: "Slow down.", Header: http.Header{"Retry-After": {"7"}, "RateLimit": {`"spent";r=0;t=7`}}}
}

// doors of the board's methods; what a method does is in its name.
var doors = map[string]sallyport.Door{
	healthpb.Health_Check_FullMethodName: sallyport.Public(),
	healthpb.Health_List_FullMethodName:  sallyport.Public(),
	healthpb.Health_Watch_FullMethodName: sallyport.Public(),

	"/board.Posts/Public":    sallyport.Public(),
	"/board.Posts/SignedIn":  sallyport.SignedIn(),
	"/board.Posts/Read":      sallyport.May("read"),
	"/board.Posts/Write":     sallyport.May("write"),
	"/board.Posts/Hidden":    sallyport.May("write").Hide(),
	"/board.Posts/Wide":      sallyport.May("wide"),
	"/board.Posts/Strong":    sallyport.May("strong"),
	"/board.Posts/Undecided": sallyport.May("undecided"),
	"/board.Posts/Fresh":     sallyport.SignedIn().Fresh(time.Hour),
	"/board.Posts/Plenty":    sallyport.SignedIn().Limit("plenty"),
	"/board.Posts/Spent":     sallyport.SignedIn().Limit("spent"),

	"/board.Posts/Chat":   sallyport.May("read"),
	"/board.Posts/Follow": sallyport.May("read"),
}

// board is a service without generated code. Its unary methods all call unary, its
// streams stream.
type board struct {
	unary  func(ctx context.Context, word string) (string, error)
	stream func(ss grpc.ServerStream) error
}

func (b *board) describe() *grpc.ServiceDesc {
	d := &grpc.ServiceDesc{ServiceName: "board.Posts", HandlerType: (*any)(nil)}
	for name := range doors {
		method, ours := strings.CutPrefix(name, "/board.Posts/")
		switch {
		case !ours:
		case method == "Chat" || method == "Follow":
			d.Streams = append(d.Streams, grpc.StreamDesc{
				StreamName: method, ServerStreams: true, ClientStreams: method == "Chat",
				Handler: func(_ any, ss grpc.ServerStream) error { return b.stream(ss) },
			})
		default:
			d.Methods = append(d.Methods, b.method(method))
		}
	}
	d.Methods = append(d.Methods, b.method("Unguarded"))
	return d
}

func (b *board) method(name string) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, dec func(any) error, i grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := dec(in); err != nil {
			return nil, err
		}
		return i(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/board.Posts/" + name}, func(ctx context.Context, in any) (any, error) {
			out, err := b.unary(ctx, in.(*wrapperspb.StringValue).Value)
			return wrapperspb.String(out), err
		})
	}}
}

// greet answers with the subject.
func greet(ctx context.Context, _ string) (string, error) { return sallyport.From(ctx).Subject, nil }

// running is a board that is served on the loopback.
type running struct {
	house *house
	gate  *sallyport.Gate
	addr  string
	log   *logged
}

// logged is what the gate wrote.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve serves b until the test ends; options are those of the transport.
func serve(t testing.TB, b *board, c sallyportgrpc.Config, options ...grpc.ServerOption) *running {
	t.Helper()
	r := &running{house: new(house), log: new(logged)}
	r.gate = &sallyport.Gate{
		NotFound:       []error{sql.ErrNoRows},
		Authenticators: []sallyport.Authenticator{r.house}, Policy: r.house, Limiter: r.house, Origin: "https://board.example",
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	c.Gate, c.Doors = r.gate, doors
	guard, err := sallyportgrpc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listen(t, b.describe(), append(guard.Options(), options...)...)
	return r
}

// listen serves the service, and health, on the loopback until the test ends.
func listen(t testing.TB, d *grpc.ServiceDesc, options ...grpc.ServerOption) (addr string) {
	s := grpc.NewServer(options...)
	s.RegisterService(d, new(board))
	healthpb.RegisterHealthServer(s, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func (r *running) dial(t testing.TB, c credentials.TransportCredentials, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.addr, append(options, grpc.WithTransportCredentials(c))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (r *running) plain(t testing.TB) *grpc.ClientConn { return r.dial(t, insecure.NewCredentials()) }

// offering is the context of a call that offers what the lines say.
func offering(t testing.TB, lines ...string) context.Context {
	ctx := t.Context()
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	return ctx
}

// call calls a method of the board. It returns its answer, or the status and the trailers.
func call(ctx context.Context, conn *grpc.ClientConn, method, word string, options ...grpc.CallOption) (string, *status.Status, metadata.MD) {
	out, trailer := new(wrapperspb.StringValue), metadata.MD{}
	err := conn.Invoke(ctx, "/board.Posts/"+method, wrapperspb.String(word), out, append(options, grpc.Trailer(&trailer))...)
	s, _ := status.FromError(err)
	return out.Value, s, trailer
}

// authority signs certificates of servers and of clients.
type authority struct {
	pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	der, key := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	a.pool.AddCert(cert)
	return a
}

// sign signs what says itself who it is; by its own key where there is no authority yet.
func (a *authority) sign(t *testing.T, c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	der, key := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(t *testing.T, auth tls.ClientAuthType) grpc.ServerOption {
	return grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{a.issue(t, "board.example")}, ClientAuth: auth, ClientCAs: a.pool}))
}

func (a *authority) client(certs ...tls.Certificate) credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{RootCAs: a.pool, Certificates: certs})
}
