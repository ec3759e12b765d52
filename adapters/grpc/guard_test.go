package sallyportgrpc_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/sallyport-auth/sallyport"
	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

const (
	bare         = `Bearer realm="board"`
	invalidToken = `Bearer realm="board", error="invalid_token"`
	narrow       = `Bearer realm="board", error="insufficient_scope", scope="post:write"`
	stronger     = `Bearer realm="board", error="insufficient_user_authentication", error_description="A fresher or stronger sign-in is required", acr_values="aal2 aal3", max_age="300"`
)

// The table "situation → answer" of the gate, as gRPC says it, with TLS and without.
func TestSituations(t *testing.T) {
	ca := newAuthority(t)
	b := &board{unary: greet}
	plain, secure := serve(t, b, sallyportgrpc.Config{}), serve(t, b, sallyportgrpc.Config{}, ca.server(t, tls.NoClientCert))
	for transport, conn := range map[string]*grpc.ClientConn{"plain": plain.plain(t), "TLS": secure.dial(t, ca.client())} {
		for _, tt := range []struct {
			name      string
			method    string
			offer     []string
			code      codes.Code
			reason    string
			challenge string
			told      map[string]string
		}{
			{"a public method takes anybody", "Public", nil, codes.OK, "", "", nil},
			{"a public method takes an invalid credential as anonymous", "Public", []string{"authorization: Bearer old"}, codes.OK, "", "", nil},
			{"a public method cannot say who it is while the store is down", "Public", []string{"authorization: Bearer down"}, codes.Unavailable, "UNAVAILABLE", "", nil},
			{"no credential", "SignedIn", nil, codes.Unauthenticated, "UNAUTHENTICATED", bare, nil},
			{"an expired credential", "SignedIn", []string{"authorization: Bearer old"}, codes.Unauthenticated, "INVALID_TOKEN", invalidToken, map[string]string{"error": "invalid_token"}},
			{"a store that is down is not a refusal", "SignedIn", []string{"authorization: Bearer down"}, codes.Unavailable, "UNAVAILABLE", "", nil},
			{"a bearer token", "SignedIn", []string{annToken}, codes.OK, "", "", nil},
			{"an API key", "SignedIn", []string{annKey}, codes.OK, "", "", nil},
			{"may", "Read", []string{annToken}, codes.OK, "", "", nil},
			{"may not", "Write", []string{annToken}, codes.PermissionDenied, "FORBIDDEN", "", map[string]string{"decision_id": "dec_1"}},
			{"may not, and must not know", "Hidden", []string{annToken}, codes.NotFound, "NOT_FOUND", "", nil},
			{"a scope too narrow", "Wide", []string{annToken}, codes.PermissionDenied, "INSUFFICIENT_SCOPE", narrow,
				map[string]string{"decision_id": "dec_2", "error": "insufficient_scope", "scope": "post:write"}},
			{"a stronger sign-in would do", "Strong", []string{annToken}, codes.Unauthenticated, "STEP_UP_REQUIRED", stronger,
				map[string]string{"error": "insufficient_user_authentication", "acr_values": "aal2 aal3", "max_age": "300"}},
			{"the policy cannot tell", "Undecided", []string{annToken}, codes.Unavailable, "UNAVAILABLE", "", nil},
			{"a fresh sign-in", "Fresh", []string{annToken}, codes.OK, "", "", nil},
			{"a quota with room", "Plenty", []string{annToken}, codes.OK, "", "", nil},
			{"over quota", "Spent", []string{annToken}, codes.ResourceExhausted, "RATE_LIMITED", "", nil},
			{"no quota is spent before door one", "Spent", nil, codes.Unauthenticated, "UNAUTHENTICATED", bare, nil},
			{"a method without a door", "Unguarded", []string{annToken}, codes.Unimplemented, "NO_DOOR", "", nil},
			{"a method that does not exist", "Unknown", []string{annToken}, codes.Unimplemented, "", "", nil},
		} {
			t.Run(transport+" "+tt.name, func(t *testing.T) {
				out, s, trailer := call(offering(t, tt.offer...), conn, tt.method, "")
				if s.Code() != tt.code {
					t.Fatalf("%v: %v", s.Code(), s.Message())
				}
				if got := strings.Join(trailer["www-authenticate"], "\n"); got != tt.challenge {
					t.Errorf("challenge\n%s, want\n%s", got, tt.challenge)
				}
				if tt.code == codes.OK {
					if known := len(tt.offer) > 0 && tt.offer[0] != "authorization: Bearer old"; known != (out == "usr_ann") {
						t.Errorf("greeted %q", out)
					}
					return
				}
				info, retry := details(t, s)
				if tt.reason == "" {
					return
				}
				if info == nil || info.Reason != tt.reason || info.Domain != "sallyport" || len(info.Metadata["trace_id"]) != 32 {
					t.Fatalf("info %v", info)
				}
				delete(info.Metadata, "trace_id")
				delete(info.Metadata, "error_description")
				if tt.code == codes.Unauthenticated && info.Metadata["decision_id"] != "" {
					delete(info.Metadata, "decision_id")
				}
				if !maps.Equal(info.Metadata, tt.told) {
					t.Errorf("told %v, want %v", info.Metadata, tt.told)
				}
				if (retry != nil) != (tt.code == codes.Unavailable || tt.code == codes.ResourceExhausted) {
					t.Errorf("retry %v", retry)
				}
				if tt.code == codes.ResourceExhausted && (retry.RetryDelay.AsDuration() != 7*time.Second || trailer.Get("ratelimit")[0] == "") {
					t.Errorf("retry %v, trailers %v", retry, trailer)
				}
			})
		}
	}
	for _, r := range []*running{plain, secure} {
		if log := r.log.String(); !strings.Contains(log, "expired yesterday") || !strings.Contains(log, "connection refused") ||
			!strings.Contains(log, "route=/board.Posts/Write") || strings.Contains(log, secretMarker) {
			t.Errorf("log: %s", log)
		}
	}
}

// details finds what programs read in a status, and that nothing in it is a cause or a secret.
func details(t *testing.T, s *status.Status) (info *errdetails.ErrorInfo, retry *errdetails.RetryInfo) {
	t.Helper()
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d
		default:
			t.Errorf("detail %v", d)
		}
	}
	for _, cause := range []string{secretMarker, "connection refused", "yesterday", "just now", "rule 7", "boom"} {
		if text := s.String() + fmt.Sprint(s.Details()); strings.Contains(text, cause) {
			t.Errorf("the client was told: %s", text)
		}
	}
	return info, retry
}

// A call offers one credential, and what counts as one.
func TestCredentials(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	b := &board{unary: greet}
	plain := serve(t, b, sallyportgrpc.Config{})
	mutual := serve(t, b, sallyportgrpc.Config{}, ca.server(t, tls.VerifyClientCertIfGiven))
	careless := serve(t, b, sallyportgrpc.Config{}, ca.server(t, tls.RequestClientCert))
	robot, stranger := ca.issue(t, "robot"), other.issue(t, "stranger")
	conns := map[string]*grpc.ClientConn{
		"plain": plain.plain(t), "certificate": mutual.dial(t, ca.client(robot)), "no certificate": mutual.dial(t, ca.client()),
		"unverified": careless.dial(t, ca.client(stranger)),
	}
	for _, tt := range []struct {
		name   string
		conn   string
		method string
		offer  []string
		code   codes.Code
		who    string
	}{
		{"a certificate when nothing else is offered", "certificate", "SignedIn", nil, codes.OK, "svc_robot"},
		{"a certificate beside a token is what it may be bound to", "certificate", "SignedIn", []string{annToken}, codes.OK, "usr_ann"},
		{"a certificate does not save a bad token", "certificate", "SignedIn", []string{"authorization: Bearer old"}, codes.Unauthenticated, ""},
		{"no certificate", "no certificate", "SignedIn", nil, codes.Unauthenticated, ""},
		{"a certificate that nobody verified is none", "unverified", "SignedIn", nil, codes.Unauthenticated, ""},
		{"a certificate that is only claimed", "plain", "SignedIn", []string{"authorization: Certificate ann"}, codes.Unauthenticated, ""},
		{"a cookie is never read", "plain", "SignedIn", []string{"cookie: __Host-sallyport=ann"}, codes.Unauthenticated, ""},
		{"a cookie's value in authorization is no session", "plain", "SignedIn", []string{"authorization: Cookie ann"}, codes.Unauthenticated, ""},
		{"a cookie beside a token is ignored", "plain", "SignedIn", []string{annToken, "cookie: __Host-sallyport=x"}, codes.OK, "usr_ann"},
		{"a bearer token and an API key", "plain", "SignedIn", []string{annToken, annKey}, codes.InvalidArgument, ""},
		{"two bearer tokens", "plain", "SignedIn", []string{annToken, annToken}, codes.InvalidArgument, ""},
		{"two API keys", "plain", "SignedIn", []string{annKey, annKey}, codes.InvalidArgument, ""},
		{"two credentials at a public method", "plain", "Public", []string{annToken, annKey}, codes.InvalidArgument, ""},
		{"a scheme without a value", "plain", "SignedIn", []string{"authorization: Bearer"}, codes.Unauthenticated, ""},
		{"an empty authorization", "plain", "SignedIn", []string{"authorization: "}, codes.Unauthenticated, ""},
		{"the scheme in another case", "plain", "SignedIn", []string{"authorization: BEARER ann"}, codes.OK, "usr_ann"},
		{"8 KiB", "plain", "SignedIn", []string{"authorization: Bearer ann-" + strings.Repeat("x", 8<<10-4)}, codes.OK, "usr_ann"},
		{"more than 8 KiB", "plain", "SignedIn", []string{"authorization: Bearer ann-" + strings.Repeat("x", 8<<10-3)}, codes.Unauthenticated, ""},
		{"binary metadata is not looked at", "plain", "SignedIn", []string{"x-api-key-bin: ann", "authorization-bin: Bearer ann"}, codes.Unauthenticated, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, s, _ := call(offering(t, tt.offer...), conns[tt.conn], tt.method, "")
			if s.Code() != tt.code || out != tt.who {
				t.Errorf("%v as %q: %s", s.Code(), out, s.Message())
			}
		})
	}
}

func TestCredentialSaysWhatItIsBoundTo(t *testing.T) {
	ca := newAuthority(t)
	r := serve(t, &board{unary: greet}, sallyportgrpc.Config{}, ca.server(t, tls.RequireAndVerifyClientCert))
	call(offering(t, "authorization: DPoP ann", "dpop: proof"), r.dial(t, ca.client(ca.issue(t, "robot"))), "Read", "")
	r.house.change(func(h *house) {
		c := h.offered
		if c.Scheme != "dpop" || c.Value != "ann" || c.Proof != "proof" || c.Method != "POST" || c.URL != "https://board.example/board.Posts/Read" ||
			c.Peer == nil || c.Peer.DNSNames[0] != "robot" || c.Addr.String() != "127.0.0.1" || !h.addrs[c.Addr] {
			t.Errorf("offered %+v, addresses %v", c, h.addrs)
		}
	})
	proxied := netip.MustParseAddr("192.0.2.7")
	r = serve(t, &board{unary: greet}, sallyportgrpc.Config{Addr: func(ctx context.Context) netip.Addr {
		if len(metadata.ValueFromIncomingContext(ctx, "authorization")) == 0 {
			t.Error("the proxy's metadata is not there")
		}
		return proxied
	}})
	call(offering(t, annToken), r.plain(t), "Read", "")
	r.house.change(func(h *house) {
		if len(h.addrs) != 1 || !h.addrs[proxied] {
			t.Errorf("addresses %v", h.addrs)
		}
	})
}

// retryable is an error that says when to come back.
type retryable time.Duration

func (retryable) Error() string               { return "boom" }
func (r retryable) RetryAfter() time.Duration { return time.Duration(r) }

// What a handler returns becomes the status of its call.
func TestHandlersErrors(t *testing.T) {
	problem := func(status int, code string) error { return &sallyport.Problem{Status: status, Code: code} }
	ownStatus, _ := status.New(codes.DataLoss, "lost").WithDetails(&errdetails.ErrorInfo{Reason: "MINE"})
	var gate *sallyport.Gate
	table := []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		retry  time.Duration
	}{
		{"none", nil, codes.OK, "", 0},
		{"a status of gRPC passes", ownStatus.Err(), codes.DataLoss, "MINE", 0},
		{"a wrapped one too", fmt.Errorf("reading: %w", ownStatus.Err()), codes.DataLoss, "MINE", 0},
		{"a status that claims success", fine{}, codes.Unavailable, "UNAVAILABLE", time.Second},
		{"400", problem(400, "invalid_request"), codes.InvalidArgument, "INVALID_REQUEST", 0},
		{"401", sallyport.Unauthenticated("invalid_credentials", "No."), codes.Unauthenticated, "INVALID_CREDENTIALS", 0},
		{"403", sallyport.Forbidden("too_much", "No."), codes.PermissionDenied, "TOO_MUCH", 0},
		{"404", fmt.Errorf("post: %w", sallyport.ErrNotFound), codes.NotFound, "NOT_FOUND", 0},
		{"no row", fmt.Errorf("post: %w", sql.ErrNoRows), codes.NotFound, "NOT_FOUND", 0},
		{"405", problem(405, "method_not_allowed"), codes.Unimplemented, "METHOD_NOT_ALLOWED", 0},
		{"409", problem(409, "conflict"), codes.Aborted, "CONFLICT", 0},
		{"409 of what is taken", problem(409, "username_taken"), codes.AlreadyExists, "USERNAME_TAKEN", 0},
		{"409 of what exists", problem(409, "post_exists"), codes.AlreadyExists, "POST_EXISTS", 0},
		{"410", problem(410, "gone"), codes.NotFound, "GONE", 0},
		{"412", problem(412, "stale"), codes.FailedPrecondition, "STALE", 0},
		{"422", problem(422, "weak_password"), codes.InvalidArgument, "WEAK_PASSWORD", 0},
		{"429", &sallyport.Problem{Status: 429, Code: "slow", Header: http.Header{"Retry-After": {"3"}}}, codes.ResourceExhausted, "SLOW", 3 * time.Second},
		{"500", problem(500, "broken"), codes.Internal, "BROKEN", 0},
		{"503", retryable(2 * time.Second), codes.Unavailable, "UNAVAILABLE", 2 * time.Second},
		{"504", problem(504, "slow"), codes.DeadlineExceeded, "SLOW", 0},
		{"a problem that claims success", problem(200, "odd"), codes.Internal, "ODD", 0},
		{"a problem in no language", &sallyport.Problem{Status: 403, Code: "\xff", Detail: "\xff", Header: http.Header{"X-A": {"\xff"}}, Extra: map[string]any{"\xff": "\xff"}},
			codes.PermissionDenied, "\uFFFD", 0},
		{"anything else", errors.New("boom"), codes.Unavailable, "UNAVAILABLE", time.Second},
		{"somebody else's context", context.Canceled, codes.Unavailable, "UNAVAILABLE", time.Second},
		{"a cause that is a status of gRPC", fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, status.Error(codes.OutOfRange, "boom")), codes.Unauthenticated, "INVALID_TOKEN", 0},
	}
	r := serve(t, &board{unary: func(ctx context.Context, word string) (string, error) {
		switch word {
		case "check":
			return "", gate.Check(ctx, "write", sallyport.Resource{})
		case "undecided":
			return "", gate.Check(ctx, "undecided", sallyport.Resource{})
		}
		for _, tt := range table {
			if tt.name == word {
				return "an answer beside an error is none", tt.err
			}
		}
		return "", nil
	}}, sallyportgrpc.Config{Domain: "board.example"})
	gate = r.gate
	conn := r.plain(t)
	table = append(table, []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		retry  time.Duration
	}{
		{"check", nil, codes.PermissionDenied, "FORBIDDEN", 0},
		{"undecided", nil, codes.Unavailable, "UNAVAILABLE", time.Second},
	}...)
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			_, s, _ := call(offering(t, annToken), conn, "SignedIn", tt.name)
			if s.Code() != tt.code {
				t.Fatalf("%v: %s", s.Code(), s.Message())
			}
			if tt.code == codes.OK {
				return
			}
			info, retry := details(t, s)
			if info == nil || info.Reason != tt.reason || tt.reason != "MINE" && info.Domain != "board.example" {
				t.Errorf("info %v", info)
			}
			if got := retry.GetRetryDelay().AsDuration(); got != tt.retry {
				t.Errorf("retry %v, want %v", got, tt.retry)
			}
		})
	}
}

// fine is an error that says it is none.
type fine struct{}

func (fine) Error() string              { return "boom" }
func (fine) GRPCStatus() *status.Status { return status.New(codes.OK, "") }

func TestTraceOfTheCaller(t *testing.T) {
	r := serve(t, &board{unary: greet}, sallyportgrpc.Config{})
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	_, s, _ := call(offering(t, "traceparent: 00-"+trace+"-00f067aa0ba902b7-01"), r.plain(t), "SignedIn", "")
	if info, _ := details(t, s); info.Metadata["trace_id"] != trace || !strings.Contains(r.log.String(), "trace_id="+trace) {
		t.Errorf("info %v, log %s", info, r.log)
	}
}

func TestTimeIsUp(t *testing.T) {
	entered := make(chan struct{})
	r := serve(t, &board{unary: func(ctx context.Context, _ string) (string, error) {
		close(entered)
		<-ctx.Done()
		return "", fmt.Errorf("reading: %w", ctx.Err())
	}}, sallyportgrpc.Config{})
	ctx, cancel := context.WithCancel(offering(t, annToken))
	go func() { <-entered; cancel() }()
	if _, s, _ := call(ctx, r.plain(t), "Read", ""); s.Code() != codes.Canceled {
		t.Errorf("%v", s)
	}
	if log := r.log.String(); log != "" {
		t.Errorf("log %s", log)
	}
}

func TestHealthIsForEverybody(t *testing.T) {
	r := serve(t, &board{}, sallyportgrpc.Config{})
	c := healthpb.NewHealthClient(r.plain(t))
	if got, err := c.Check(t.Context(), new(healthpb.HealthCheckRequest)); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", got, err)
	}
	w, err := c.Watch(t.Context(), new(healthpb.HealthCheckRequest))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Recv(); err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatNewRefuses(t *testing.T) {
	post := sallyport.TypeOf("Post", func(s *string) string { return *s })
	public, gate := sallyport.Public(), new(sallyport.Gate)
	for _, tt := range []struct {
		name string
		c    sallyportgrpc.Config
		says []string
	}{
		{"no gate", sallyportgrpc.Config{}, []string{"needs a gate"}},
		{"the zero door", sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{"/a/B": {}}}, []string{"/a/B", "zero Door"}},
		{"a door that loads from HTTP", sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{
			"/a/B": post.May("read", func(*http.Request) (*string, error) { return nil, nil })}}, []string{"/a/B", "loads a Post"}},
		{"names that are none, all of them", sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{"a/B": public, "": public, "/a": public, "/a/": public}},
			[]string{`"a/B"`, `""`, `"/a"`, `"/a/"`}},
		{"a look at streams before it was", sallyportgrpc.Config{Gate: gate, Idle: -1}, []string{"Idle"}},
	} {
		_, err := sallyportgrpc.New(tt.c)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
}

func TestNoMethodIsUnguardedByAccident(t *testing.T) {
	s := grpc.NewServer()
	s.RegisterService(new(board).describe(), new(board))
	reflection.Register(s)
	public := sallyport.Public()
	const reflect1, reflectAlpha = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
	all := maps.Clone(doors)
	delete(all, healthpb.Health_Check_FullMethodName)
	delete(all, healthpb.Health_List_FullMethodName)
	delete(all, healthpb.Health_Watch_FullMethodName)
	all["/board.Posts/Unguarded"], all[reflect1], all[reflectAlpha] = public, public, public
	for _, tt := range []struct {
		name string
		edit func(map[string]sallyport.Door)
		want string
	}{
		{"every method has a door", func(map[string]sallyport.Door) {}, "<nil>"},
		{"methods without", func(d map[string]sallyport.Door) { delete(d, reflectAlpha); delete(d, "/board.Posts/Chat") },
			"sallyportgrpc: /board.Posts/Chat has no door\nsallyportgrpc: " + reflectAlpha + " has no door"},
		{"a method that is misspelt", func(d map[string]sallyport.Door) { d["/board.Posts/Reed"] = public },
			`sallyportgrpc: door of /board.Posts/Reed: the server has no such method; did you mean "/board.Posts/Read"?`},
		{"a service that is misspelt", func(d map[string]sallyport.Door) { d["/bord.Posts/Follow"] = public },
			`sallyportgrpc: door of /bord.Posts/Follow: the server has no such method; did you mean "/board.Posts/Follow"?`},
		{"a service that is like none", func(d map[string]sallyport.Door) { d["/x/Follow"] = public }, `sallyportgrpc: door of /x/Follow: the server has no such method`},
		{"a method that is like none", func(d map[string]sallyport.Door) { d["/board.Posts/X"] = public }, `sallyportgrpc: door of /board.Posts/X: the server has no such method`},
	} {
		c := sallyportgrpc.Config{Gate: new(sallyport.Gate), Doors: maps.Clone(all)}
		tt.edit(c.Doors)
		guard, err := sallyportgrpc.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(guard.Verify(s)); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}
