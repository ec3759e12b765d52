package sallyport_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// offer makes a credential as a transport other than HTTP does, of header lines.
func offer(header ...string) (sallyport.Credential, error) {
	r := request("POST /", header...)
	return sallyport.ReadCredential(r.Header["Authorization"], r.Header["X-Api-Key"], r.Header["Dpop"])
}

// admit puts what the lines offer through the door, and returns what the gate
// answers: the status and the code.
func admit(t *testing.T, g *sallyport.Gate, door sallyport.Door, header ...string) (context.Context, *sallyport.Problem) {
	t.Helper()
	through, err := g.Admit(door)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	c, err := offer(header...)
	if err == nil {
		c.Addr = netip.MustParseAddr("192.0.2.1")
		ctx, err = through(ctx, c)
	}
	if err == nil {
		return ctx, nil
	}
	return ctx, g.Refusal(ctx, "/board.Posts/Read", "", err)
}

// What HTTP answers is what any other transport is told.
func TestAdmittedAsInHTTP(t *testing.T) {
	public, signedIn, may := sallyport.Public(), sallyport.SignedIn(), sallyport.May
	doors := map[string]sallyport.Door{
		"public": public, "signed in": signedIn, "fresh": signedIn.Fresh(5 * time.Minute), "public fresh": public.Fresh(5 * time.Minute),
		"open": may("open"), "read": may("read"), "write": may("write"), "hidden": may("write").Hide(), "wide": may("wide"), "strong": may("strong"),
		"recent": may("recent"), "undecided": may("undecided"), "write fresh": may("write").Fresh(time.Minute), "in org": may("read").InOrg(),
		"plenty": signedIn.Limit("plenty"), "spent": may("write").Limit("spent"), "broken": public.Limit("broken"), "no cookie": signedIn.NoCookie(),
	}
	headers := [][]string{
		{}, {annBearer}, {annKey}, {"Authorization: Bearer stale"}, {"Authorization: Bearer robot"}, {"Authorization: Bearer expired"},
		{"Authorization: Bearer xyz"}, {"Authorization: Hawk xyz"}, {"Authorization: Bearer nobody"}, {"Authorization: Bearer nameless"},
		{"Authorization: Bearer down"}, {"Authorization: Bearer norows"}, {"Authorization: Bearer busy"}, {"Authorization: basic ann"},
		{"Authorization: Bearer"}, {"Authorization:  ann"}, {"Authorization: "}, {"X-API-Key: "}, {"Authorization: Bearer änn"}, {"Authorization: \x00"},
		{"Authorization: Bärer ann"}, {"Authorization: Bearer ann-" + strings.Repeat("x", 8<<10-4)}, {"Authorization: Bearer ann-" + strings.Repeat("x", 8<<10-3)},
		{"X-API-Key: ann-" + strings.Repeat("x", 8<<10)}, {"X-API-Key: ann\n"}, {"Authorization: Cookie ann"}, {"Authorization: ApiKey ann"},
		{"Authorization: Certificate ann"}, {annBearer, annBearer}, {annKey, annKey}, {annBearer, annKey}, {annBearer, "DPoP: a", "DPoP: b"},
		{annBearer, "DPoP: \x01"}, {annBearer, "DPoP: a"}, {"DPoP: a"},
	}
	for _, name := range slices.Sorted(maps.Keys(doors)) {
		for _, header := range headers {
			g, _ := newGate()
			w := serve(g, doors[name], request("POST /", header...))
			_, p := admit(t, g, doors[name], header...)
			want, got := fmt.Sprint(w.Code), "200"
			if p != nil {
				got = fmt.Sprint(p.Status, " ", p.Code, " ", p.Header["Www-Authenticate"], p.Header["Retry-After"], p.Detail)
				d := problem(t, w)
				want = fmt.Sprint(w.Code, " ", d.Code, " ", w.Header()["Www-Authenticate"], w.Header()["Retry-After"], d.Detail)
			}
			if got != want {
				t.Errorf("%s, %.40q: got %s, HTTP %s", name, header, got, want)
			}
		}
	}
}

func TestAdmittedContext(t *testing.T) {
	p := new(words)
	g, _ := newGate()
	g.Policy = p
	ctx, refused := admit(t, g, sallyport.May("read"), annBearer)
	if refused != nil || sallyport.From(ctx) != ann {
		t.Fatalf("%v, %+v", refused, sallyport.From(ctx))
	}
	if err := g.Check(ctx, "read", posts.Of(&post{ID: "1"})); err != nil {
		t.Errorf("check: %v", err)
	}
	if d, err := g.Decide(ctx, "write", sallyport.Resource{}); err != nil || d.Allow {
		t.Errorf("decide: %+v, %v", d, err)
	}
	if posts.From(ctx) != nil {
		t.Error("an object from nowhere")
	}
	for _, q := range p.asked {
		if q.Principal != ann || q.Context.Addr.String() != "192.0.2.1" {
			t.Errorf("asked %+v", q)
		}
	}
	// Another call on the same connection does not inherit who sent this one.
	through, err := g.Admit(sallyport.SignedIn())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := through(ctx, sallyport.Credential{}); !errors.Is(err, sallyport.ErrNoCredential) {
		t.Errorf("inside another passage: %v", err)
	}
}

// What a caller makes by hand is no more trusted than what ReadCredential makes.
func TestWhatCannotBeACredential(t *testing.T) {
	leaf := new(x509.Certificate)
	for _, tt := range []struct {
		name string
		c    sallyport.Credential
		want string
	}{
		{"none", sallyport.Credential{}, "401 unauthenticated"},
		{"a peer that offers nothing", sallyport.Credential{Peer: leaf}, "401 unauthenticated"},
		{"a certificate", sallyport.Credential{Scheme: sallyport.SchemeCertificate, Peer: leaf}, "200"},
		{"a certificate without a peer", sallyport.Credential{Scheme: sallyport.SchemeCertificate}, "401 invalid_token"},
		{"a certificate with a value", sallyport.Credential{Scheme: sallyport.SchemeCertificate, Peer: leaf, Value: "ann"}, "401 invalid_token"},
		{"a cookie, whose origin nobody checked", sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: "ann"}, "401 invalid_token"},
		{"a value without a scheme", sallyport.Credential{Value: "ann"}, "401 invalid_token"},
		{"a scheme without a value", sallyport.Credential{Scheme: sallyport.SchemeBearer}, "401 invalid_token"},
		{"a key that is binary", sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: "ann-\x00"}, "401 invalid_token"},
		{"a proof that is binary", sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: "ann", Proof: "\xff"}, "401 invalid_token"},
		{"a key", sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: "ann"}, "200"},
	} {
		g, _ := newGate()
		through, err := g.Admit(sallyport.SignedIn())
		if err != nil {
			t.Fatal(err)
		}
		_, err = through(t.Context(), tt.c)
		if got := answer(t, g, err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestDoorsThatCannotAdmit(t *testing.T) {
	g := new(sallyport.Gate)
	for _, tt := range []struct {
		name string
		gate *sallyport.Gate
		door sallyport.Door
		says string
	}{
		{"no gate", nil, sallyport.Public(), "without a gate"},
		{"no door", g, sallyport.Door{}, "zero Door"},
		{"a modified zero door", g, sallyport.Door{}.NoCookie().Limit("x"), "zero Door"},
		{"a door that loads from a request of HTTP", g, posts.May("read", load).Hide(), `"read" loads a Post`},
	} {
		if through, err := tt.gate.Admit(tt.door); through != nil || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestRecheckOfWhatWasAdmitted(t *testing.T) {
	d := &turning{person: ann}
	g := d.gate()
	told := recording(g)
	g.RecordAll = true
	ctx, refused := admit(t, g, sallyport.May("read").Limit("calls"), annBearer)
	if refused != nil {
		t.Fatal(refused)
	}
	if err := g.Recheck(ctx); err != nil || d.spent != 1 || len(*told) != 1 {
		t.Errorf("%v, spent %d, recorded %+v", err, d.spent, *told)
	}
	d.no = map[string]bool{"read": true}
	if got := answer(t, g, g.Recheck(ctx)); got != "403 forbidden" {
		t.Errorf("a role was lost: %s", got)
	}
	d.refuses = sallyport.ErrInvalidCredential
	if got := answer(t, g, g.Recheck(ctx)); got != "401 invalid_token" {
		t.Errorf("the token was revoked: %s", got)
	}
}

func TestRefusalSaysAndLogsWhatErrorDoes(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, tt := range []struct {
		door  sallyport.Door
		offer string
		extra map[string]any
		log   []string
	}{
		{sallyport.May("write"), annBearer, map[string]any{"decision_id": "dec_1"}, []string{"level=INFO", "subject=usr_ann", "decision_id=dec_1", "denied by rule 7"}},
		{sallyport.May("wide"), annBearer, map[string]any{"error": "insufficient_scope", "scope": "post:write"}, []string{"level=INFO"}},
		{sallyport.May("strong"), annBearer, map[string]any{"error": "insufficient_user_authentication", "acr_values": "aal2 aal3"}, []string{"level=INFO"}},
		{sallyport.May("recent"), annBearer, map[string]any{"error": "insufficient_user_authentication", "max_age": "300"}, []string{"level=INFO"}},
		{sallyport.SignedIn(), "Authorization: Bearer expired", map[string]any{"error": "invalid_token"}, []string{"level=INFO", "expired yesterday"}},
		{sallyport.SignedIn(), "Accept: x", map[string]any{"error": nil}, []string{"level=DEBUG"}},
		{sallyport.SignedIn(), "Authorization: Bearer down", nil, []string{"level=ERROR", "connection refused"}},
	} {
		g, log := newGate()
		through, _ := g.Admit(tt.door)
		c, _ := offer(tt.offer)
		ctx, err := through(t.Context(), c)
		p := g.Refusal(ctx, "/board.Posts/Write", parent, err)
		for name, want := range tt.extra {
			if p.Extra[name] != want {
				t.Errorf("%v: %s = %v, want %v", err, name, p.Extra[name], want)
			}
		}
		if p.Title != http.StatusText(p.Status) || p.Extra["trace_id"] != parent[3:35] {
			t.Errorf("%v: %+v", err, p)
		}
		for _, want := range append(tt.log, "route=/board.Posts/Write trace_id="+parent[3:35]) {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%v: no %s in log %s", err, want, log)
			}
		}
		if strings.Contains(log.String(), "method=") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("log %s", log)
		}
	}
}

// Problems are often package variables.
func TestRefusalLeavesSharedProblemsAlone(t *testing.T) {
	shared := &sallyport.Problem{Status: 401, Code: "odd", Header: http.Header{"X-A": {"b"}}, Extra: map[string]any{"c": "d"}}
	g, _ := newGate()
	p := g.Refusal(t.Context(), "/", "", fmt.Errorf("so: %w", shared))
	p.Header["X-A"][0], p.Extra["c"] = "", ""
	if len(shared.Header) != 1 || shared.Header["X-A"][0] != "b" || len(shared.Extra) != 1 || shared.Extra["c"] != "d" || shared.Title != "" {
		t.Errorf("changed to %+v", shared)
	}
	if p.Header.Get("WWW-Authenticate") != bare || len(p.Extra["trace_id"].(string)) != 32 {
		t.Errorf("refused with %+v", p)
	}
	for _, err := range []error{nil, &sallyport.Problem{Status: 200}} {
		if p := g.Refusal(t.Context(), "/", "", err); p.Status < 400 {
			t.Errorf("%v became %d", err, p.Status)
		}
	}
}

func TestAdmitManyAtOnce(t *testing.T) {
	d := new(revocable)
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{d}, Policy: allow{}, Log: slog.New(slog.DiscardHandler)}
	through, err := g.Admit(sallyport.May("read"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				ctx, err := through(t.Context(), sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: "ann"})
				if err == nil {
					err = g.Recheck(ctx)
				}
				if err != nil {
					g.Refusal(ctx, "/", "", err)
					return
				}
				if i == 0 && n == 100 {
					d.revoked.Store(true)
				}
			}
		})
	}
	wg.Wait()
}

// Whatever other transports hand on as headers: what they make of it is what HTTP
// makes of it.
func FuzzReadCredential(f *testing.F) {
	for _, s := range [][4]string{{}, {"Bearer ann"}, {"Bearer ann", "", "ann"}, {"Bearer ann", "Bearer ann"}, {"", "", "k", "p"}, {" x"}, {"Cookie a"}, {"\x00"}, {"bearer"}} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{picky{}}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	door := sallyport.SignedIn().NoCookie()
	through, err := g.Admit(door)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, one, two, key, proof string) {
		r := httptest.NewRequest("POST", "/", nil)
		for _, h := range [][2]string{{"Authorization", one}, {"Authorization", two}, {"X-Api-Key", key}, {"Dpop", proof}} {
			if h[1] != "" {
				r.Header[h[0]] = append(r.Header[h[0]], h[1])
			}
		}
		w := httptest.NewRecorder()
		g.Through(door)(http.HandlerFunc(greet)).ServeHTTP(w, r)
		c, err := sallyport.ReadCredential(r.Header["Authorization"], r.Header["X-Api-Key"], r.Header["Dpop"])
		if err == nil {
			_, err = through(t.Context(), c)
		}
		status := 200
		if err != nil {
			status = g.Refusal(t.Context(), "/", "", err).Status
		}
		if status != w.Code {
			t.Errorf("%d, HTTP %d", status, w.Code)
		}
	})
}
