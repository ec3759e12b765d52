package sallyport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// turning is an authenticator and a policy whose answers turn while requests run.
type turning struct {
	person  *sallyport.Principal // what door one answers
	refuses error                // what it answers instead
	no      map[string]bool      // what door two denies
	unknown bool                 // it cannot tell
	spent   int
	asked   []sallyport.Query
}

func (d *turning) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	return d.person, d.refuses
}

func (d *turning) Decide(_ context.Context, q sallyport.Query) (sallyport.Decision, error) {
	d.asked = append(d.asked, q)
	if d.unknown {
		return sallyport.Decision{}, errStoreDown
	}
	return sallyport.Decision{Allow: !d.no[q.Action]}, nil
}

func (d *turning) Spend(context.Context, string, *sallyport.Principal, netip.Addr) error {
	d.spent++
	return nil
}

func (d *turning) gate() *sallyport.Gate {
	return &sallyport.Gate{Authenticators: []sallyport.Authenticator{d}, Policy: d, Limiter: d, Origin: "https://a.example"}
}

// passed sends r through the doors, outermost first, and returns what the handler's context was.
func passed(t *testing.T, g *sallyport.Gate, r *http.Request, doors ...sallyport.Door) (ctx context.Context) {
	t.Helper()
	var h http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })
	for i := range doors {
		h = g.Through(doors[len(doors)-1-i])(h)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); ctx == nil {
		t.Fatalf("did not pass: %d %s", w.Code, w.Body)
	}
	return ctx
}

// answer is the status and the code that the gate answers err with; 200 for none.
func answer(t *testing.T, g *sallyport.Gate, err error) string {
	t.Helper()
	if err == nil {
		return "200"
	}
	w := httptest.NewRecorder()
	g.Error(w, request("GET /"), err)
	return fmt.Sprint(w.Code, " ", problem(t, w).Code)
}

// What becomes of a request that passed when something turns meanwhile.
func TestRecheck(t *testing.T) {
	type doors = []sallyport.Door
	public, signedIn, may := sallyport.Public(), sallyport.SignedIn(), sallyport.May
	revoked := func(d *turning) { d.refuses = fmt.Errorf("%w: revoked", sallyport.ErrInvalidCredential) }
	down := func(d *turning) { d.refuses = errStoreDown }
	denied := func(d *turning) { d.no = map[string]bool{"read": true} }
	became := func(change func(*sallyport.Principal)) func(*turning) {
		return func(d *turning) {
			p := *d.person
			change(&p)
			d.person = &p
		}
	}
	onPost := posts.May("read", load)
	for _, tt := range []struct {
		name   string
		doors  doors
		header string
		turn   func(*turning)
		want   string
	}{
		{"nothing happened", doors{may("read")}, annBearer, nil, "200"},
		{"nothing happened to a session", doors{may("read")}, annCookie, nil, "200"},
		{"the credential was revoked", doors{signedIn}, annBearer, revoked, "401 invalid_token"},
		{"the session was ended", doors{signedIn}, annCookie, revoked, "401 invalid_token"},
		{"the API key was revoked", doors{may("read")}, annKey, revoked, "401 invalid_token"},
		{"a public door knew who it was, and no longer does", doors{public}, annBearer, revoked, "401 invalid_token"},
		{"anonymous has nothing that could be revoked", doors{public}, "Accept: x", revoked, "200"},
		{"an action that is open to anonymous", doors{may("read")}, "Accept: x", revoked, "200"},
		{"an action that was open to anonymous", doors{may("read")}, "Accept: x", denied, "401 unauthenticated"},
		{"door one cannot tell", doors{signedIn}, annBearer, down, "503 unavailable"},
		{"door two cannot tell", doors{may("read")}, annBearer, func(d *turning) { d.unknown = true }, "503 unavailable"},
		{"a role was lost", doors{may("read")}, annBearer, denied, "403 forbidden"},
		{"a role was lost that the door did not ask for", doors{may("write")}, annBearer, denied, "200"},
		{"a role was lost, and the object is secret", doors{onPost.Hide()}, annBearer, denied, "404 not_found"},
		{"the object is still the one that was loaded", doors{onPost}, annBearer, nil, "200"},
		{"the outer of two doors closed", doors{may("read"), may("write")}, annBearer, denied, "403 forbidden"},
		{"the inner of two doors closed", doors{signedIn, may("read")}, annBearer, denied, "403 forbidden"},
		{"the credential of two doors was revoked", doors{may("write"), may("read")}, annBearer, revoked, "401 invalid_token"},
		{"doors of which one reads no cookie", doors{signedIn.NoCookie(), may("read")}, annBearer, nil, "200"},
		{"door one comes first", doors{may("read")}, annBearer, func(d *turning) { revoked(d); denied(d) }, "401 invalid_token"},
		{"other roles", doors{may("read")}, annBearer, became(func(p *sallyport.Principal) { p.Roles = nil }), "200"},
		{"somebody else", doors{signedIn}, annBearer, became(func(p *sallyport.Principal) { p.Subject = "usr_bob" }), "401 invalid_token"},
		{"another organization", doors{signedIn}, annBearer, became(func(p *sallyport.Principal) { p.Org = "org_2" }), "401 invalid_token"},
		{"a sign-in that has become too old", doors{signedIn.Fresh(time.Minute)}, annBearer,
			became(func(p *sallyport.Principal) { p.AuthTime = p.AuthTime.Add(-time.Hour) }), "401 step_up_required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &turning{person: ann}
			g := d.gate()
			if tt.header == "Accept: x" {
				d.refuses = sallyport.ErrInvalidCredential // whoever asks: nobody should
			}
			ctx := passed(t, g, request("GET /?post=1", tt.header), tt.doors...)
			if tt.turn != nil {
				tt.turn(d)
			}
			if got := answer(t, g, g.Recheck(ctx)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRecheckAsksAsTheDoorDid(t *testing.T) {
	d := &turning{person: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", Org: "org_1", Roles: []string{"editor"}}}
	g := d.gate()
	for _, tt := range []struct {
		name string
		door sallyport.Door
		on   sallyport.UID
	}{
		{"no object", sallyport.May("read"), sallyport.UID{}},
		{"the object that was loaded", posts.May("read", load), sallyport.UID{Type: "Post", ID: "1"}},
		{"the organization", sallyport.May("read").InOrg(), sallyport.UID{Type: sallyport.OrganizationType, ID: "org_1"}},
	} {
		ctx := passed(t, g, request("GET /?post=1", annBearer), tt.door)
		now := *d.person
		now.Roles = []string{"reader"}
		d.person, d.asked = &now, nil
		if err := g.Recheck(ctx); err != nil || len(d.asked) != 1 {
			t.Fatalf("%s: %v, asked %d times", tt.name, err, len(d.asked))
		}
		if q := d.asked[0]; q.Action != "read" || q.Resource.UID() != tt.on || q.Principal != &now || q.Context.Addr.String() != "192.0.2.1" {
			t.Errorf("%s: asked %+v", tt.name, q)
		}
	}
}

func TestRecheckSpendsNothingAndRecordsNoYes(t *testing.T) {
	d := &turning{person: ann}
	g := d.gate()
	told := recording(g)
	g.RecordAll = true
	ctx := passed(t, g, request("GET /", annBearer), sallyport.May("read").Limit("calls"))
	for range 3 {
		if err := g.Recheck(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if d.spent != 1 || len(*told) != 1 {
		t.Errorf("spent %d, recorded %+v", d.spent, *told)
	}
	d.no = map[string]bool{"read": true}
	var p *sallyport.Problem
	if err := g.Recheck(ctx); !errors.As(err, &p) || len(*told) != 2 || (*told)[1].d.ID != p.DecisionID() || (*told)[1].by != "usr_ann" {
		t.Errorf("refused with %v, recorded %+v", err, *told)
	}
}

func TestRecheckOutsideThisGate(t *testing.T) {
	d := &turning{person: ann}
	g, other := d.gate(), d.gate()
	ctx := passed(t, other, request("GET /", annBearer), sallyport.SignedIn())
	for name, ctx := range map[string]context.Context{
		"outside every gate":   t.Context(),
		"on somebody's behalf": sallyport.NewContext(t.Context(), ann),
		"behind another gate":  ctx,
	} {
		if err := g.Recheck(ctx); !errors.Is(err, sallyport.ErrNoCredential) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := other.Recheck(sallyport.NewContext(ctx, nil)); err != nil {
		t.Errorf("on nobody's behalf inside a request: %v", err)
	}
}

// An answer that goes on for long ends with what lets it.
func TestAStreamEndsWhenItsSessionDoes(t *testing.T) {
	d := &turning{person: ann}
	rt := &sallyport.Routes{Gate: d.gate()}
	sent := 0
	rt.Func("GET /events", sallyport.SignedIn(), func(w http.ResponseWriter, r *http.Request) error {
		for rt.Gate.Recheck(r.Context()) == nil {
			if sent++; sent == 3 {
				d.refuses = sallyport.ErrInvalidCredential
			}
			fmt.Fprintf(w, "data: %d\n\n", sent)
		}
		return nil
	})
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, request("GET /events", annCookie))
	if sent != 3 || strings.Count(w.Body.String(), "data") != 3 {
		t.Errorf("sent %d: %s", sent, w.Body)
	}
}

func TestAFreshDoorClosesBehindALongAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &turning{person: &sallyport.Principal{Kind: sallyport.User, Subject: "usr_ann", AuthTime: time.Now()}}
		g := d.gate()
		ctx := passed(t, g, request("GET /", annBearer), sallyport.SignedIn().Fresh(time.Minute))
		time.Sleep(time.Minute)
		if err := g.Recheck(ctx); err != nil {
			t.Errorf("after a minute: %v", err)
		}
		time.Sleep(time.Second)
		if got := answer(t, g, g.Recheck(ctx)); got != "401 step_up_required" {
			t.Errorf("after more: %s", got)
		}
	})
}

// revocable is an authenticator for many at once.
type revocable struct{ revoked atomic.Bool }

func (d *revocable) Authenticate(context.Context, sallyport.Credential) (*sallyport.Principal, error) {
	if d.revoked.Load() {
		return nil, sallyport.ErrInvalidCredential
	}
	p := *ann
	return &p, nil
}

func TestRecheckByManyAtOnce(t *testing.T) {
	d := new(revocable)
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{d}, Policy: allow{}}
	ctx := passed(t, g, request("GET /?post=1", annBearer), sallyport.SignedIn(), posts.May("read", load).Fresh(time.Hour))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for g.Recheck(ctx) == nil {
				if sallyport.From(ctx) != ann && posts.From(ctx).ID != "1" {
					t.Error("the request has changed")
				}
				if i == 0 && sallyport.TraceID(request("GET /").WithContext(ctx)) != "" {
					d.revoked.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if err := g.Recheck(ctx); !errors.Is(err, sallyport.ErrInvalidCredential) {
		t.Errorf("after the revocation: %v", err)
	}
}

func BenchmarkRecheck(b *testing.B) {
	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{picky{}}, Policy: allow{}}
	var ctx context.Context
	g.Through(sallyport.May("read"))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).
		ServeHTTP(httptest.NewRecorder(), request("GET /", "Authorization: Bearer ann"))
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Recheck(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
