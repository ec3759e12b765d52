package sallyportgrpc_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sallyport-auth/sallyport"
	sallyportgrpc "github.com/sallyport-auth/sallyport/adapters/grpc"
)

// Whatever is in the metadata: no panic, and the answer of HTTP to the same headers.
func FuzzMetadata(f *testing.F) {
	for _, s := range [][6]string{
		{}, {"Bearer ann-x"}, {"Bearer ann-x", "Bearer ann-x"}, {"Bearer ann-x", "", "ann"}, {"", "", "ann-x", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{"DPoP ann", "", "", "proof"}, {"Cookie ann", "", "", "", "", "__Host-sallyport=ann"}, {"\x00"}, {" ", "", "\xff"}, {"certificate x"}, {"bearer"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5])
	}
	h := new(house)
	gate := &sallyport.Gate{Authenticators: []sallyport.Authenticator{h}, Policy: h, Log: slog.New(slog.DiscardHandler)}
	door := sallyport.May("read").NoCookie()
	guard, err := sallyportgrpc.New(sallyportgrpc.Config{Gate: gate, Doors: map[string]sallyport.Door{"/board.Posts/Read": door}})
	if err != nil {
		f.Fatal(err)
	}
	unary := guard.Unary()
	want := map[int]codes.Code{200: codes.OK, 400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 503: codes.Unavailable}
	f.Fuzz(func(t *testing.T, one, two, key, proof, trace, cookie string) {
		r, md := httptest.NewRequest("POST", "/", nil), metadata.MD{}
		for _, h := range [][2]string{{"Authorization", one}, {"Authorization", two}, {"X-Api-Key", key}, {"Dpop", proof}, {"Traceparent", trace}, {"Cookie", cookie}} {
			if h[1] != "" {
				r.Header[h[0]] = append(r.Header[h[0]], h[1])
				md.Append(h[0], h[1])
			}
		}
		w := httptest.NewRecorder()
		gate.Through(door)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		_, err := unary(metadata.NewIncomingContext(t.Context(), md), nil, &grpc.UnaryServerInfo{FullMethod: "/board.Posts/Read"},
			func(ctx context.Context, _ any) (any, error) { return nil, gate.Recheck(ctx) })
		if code, ok := want[w.Code]; !ok || status.Code(err) != code {
			t.Errorf("%v, HTTP %d", err, w.Code)
		}
	})
}
