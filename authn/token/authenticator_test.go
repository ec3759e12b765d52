package token_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An office keeps the roles of usr_1, who is in org_1, and the log of revocations.
type office struct {
	mu      sync.Mutex
	roles   []string
	chief   []string // roles in org_1
	left    bool     // nobody is in org_1 any more
	entries []revoke.Entry
	down    bool   // nothing can be read
	asked   int    // for roles
	during  func() // runs once, while roles are being read
}

var errOffice = errors.New("connection refused")

// commit changes the roles and appends to the log, as one transaction.
func (o *office) commit(change func(), effect revoke.Effect, kind revoke.Kind, id string) revoke.Position {
	o.mu.Lock()
	defer o.mu.Unlock()
	if change != nil {
		change()
	}
	seq := int64(len(o.entries)) + 1
	o.entries = append(o.entries, revoke.Entry{
		Seq: seq, Effect: effect, Kind: kind, ID: id, Nonce: fmt.Sprint(seq), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
	})
	return revoke.Position{Log: "log_1", Seq: seq}
}

func (o *office) kill(kind revoke.Kind, id string) revoke.Position {
	return o.commit(nil, revoke.Kill, kind, id)
}

func (o *office) Complete(_ context.Context, p *sallyport.Principal) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.down {
		return errOffice
	}
	current := o.roles
	if during := o.during; during != nil {
		o.during = nil
		o.mu.Unlock()
		during()
		o.mu.Lock()
	}
	p.Roles, p.OrgRoles, p.Plan = current, o.chief, "gold"
	if p.Org != "org_1" || o.left {
		p.Org, p.OrgRoles, p.Plan = "", nil, "free"
	}
	return nil
}

// Head, Append, Renew and Read implement [revoke.Log].
func (o *office) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: revoke.Position{Log: "log_1", Seq: int64(len(o.entries))}}, nil
}

func (o *office) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (o *office) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (o *office) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	from := min(after, int64(len(o.entries)))
	return o.entries[from:min(from+int64(limit), int64(len(o.entries)))], nil
}

func (o *office) set(f func(*office)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
}

func (o *office) follow(t testing.TB) *revoke.Follower {
	t.Helper()
	f, err := revoke.Follow(t.Context(), revoke.Config{
		Read: func(_ context.Context, f func(revoke.Log) error) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.down {
				return errOffice
			}
			return f(o)
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func verifierOf(t testing.TB) *token.Verifier {
	return &token.Verifier{Issuer: issuer, Keys: source(key(t, token.EdDSA))}
}

// signed signs claims that were changed, at position log_1.0 unless they say otherwise.
func signed(t testing.TB, change ...func(*token.Claims)) string {
	t.Helper()
	c := claims()
	c.Rev = "log_1.0"
	for _, f := range change {
		f(c)
	}
	return sign(t, key(t, token.EdDSA), c)
}

func bearerOf(value string) sallyport.Credential {
	return sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: value}
}

// answerOf is what door one makes of it.
func answerOf(p *sallyport.Principal, err error) string {
	switch {
	case errors.Is(err, sallyport.ErrNotMine):
		return "not mine"
	case errors.Is(err, sallyport.ErrInvalidCredential):
		return "401"
	case err != nil:
		return "503"
	}
	return p.Subject
}

type noKeys struct{}

func (noKeys) Key(context.Context, string) (*token.Key, error) { return nil, token.ErrKeysUnavailable }

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{roles: []string{"admin"}}
		f := o.follow(t)
		a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete}
		alone := &token.Authenticator{Verifier: verifierOf(t)}
		keyless := &token.Authenticator{Verifier: &token.Verifier{Issuer: issuer, Keys: noKeys{}}}
		good := signed(t)
		expired := signed(t, func(c *token.Claims) { c.IssuedAt, c.Expiry = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute) })
		noRev := signed(t, func(c *token.Claims) { c.Rev = "" })
		for _, tt := range []struct {
			name       string
			a          *token.Authenticator
			credential sallyport.Credential
			want       string
		}{
			{"a token", a, bearerOf(good), "usr_1"},
			{"one that has expired", a, bearerOf(expired), "401"},
			{"one of another issuer", a, bearerOf(signed(t, func(c *token.Claims) { c.Issuer = "https://evil.example" })), "401"},
			{"one for another audience", a, bearerOf(signed(t, func(c *token.Claims) { c.Audience = []string{"reports"} })), "401"},
			{"one that was changed", a, bearerOf(good[:len(good)-10] + "AAAAAAAAAA"), "401"},
			{"garbage", a, bearerOf("garbage"), "401"},
			{"more than 8 KiB", a, bearerOf(strings.Repeat("x", token.MaxSize+1)), "401"},
			{"one without a position", a, bearerOf(noRev), "401"},
			{"one of another log", a, bearerOf(signed(t, func(c *token.Claims) { c.Rev = "log_2.0" })), "401"},
			{"one with a malformed position", a, bearerOf(signed(t, func(c *token.Claims) { c.Rev = "log_1.007" })), "401"},
			{"one that is ahead of this node", a, bearerOf(signed(t, func(c *token.Claims) { c.Rev = "log_1.99" })), "usr_1"},
			{"one without a position where nobody asks", alone, bearerOf(noRev), "usr_1"},
			{"no keys at present", keyless, bearerOf(good), "503"},
			{"an API key", a, bearerOf("sp_live_x"), "not mine"},
			{"a token in the header for keys", a, sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: good}, "not mine"},
			{"a token in a cookie", a, sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: good}, "not mine"},
			{"a token that must be proved", a, sallyport.Credential{Scheme: sallyport.SchemeDPoP, Value: good}, "not mine"},
			{"a certificate", a, sallyport.Credential{Scheme: sallyport.SchemeCertificate}, "not mine"},
		} {
			p, err := tt.a.Authenticate(t.Context(), tt.credential)
			if got := answerOf(p, err); got != tt.want {
				t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
			}
			if v := tt.credential.Value; err != nil && len(v) > 40 && strings.Contains(err.Error(), v[40:]) {
				t.Errorf("%s: the error gives the token away: %v", tt.name, err)
			}
		}
		o.set(func(o *office) { o.down = true })
		if p, err := a.Authenticate(t.Context(), bearerOf(good)); answerOf(p, err) != "503" || !errors.Is(err, errOffice) {
			t.Errorf("roles that cannot be read: %v", err)
		}
		time.Sleep(6 * time.Second)
		if p, err := a.Authenticate(t.Context(), bearerOf(good)); answerOf(p, err) != "503" || !errors.Is(err, revoke.ErrStale) {
			t.Errorf("a log that was not heard: %v", err)
		}
	})
}

func TestPrincipalOfAToken(t *testing.T) {
	a := &token.Authenticator{Verifier: verifierOf(t)}
	full := sallyport.Principal{
		Kind: sallyport.User, Subject: "usr_1", Org: "org_1", Roles: []string{"admin", "größe"}, OrgRoles: []string{"chief"}, Scopes: []string{"post:read", "post:*"},
		Session: "ses_1", Client: "sallyport", Credential: "token", AMR: []string{"pwd", "otp"}, Rev: "log_1.0",
	}
	for _, tt := range []struct {
		name   string
		change func(*token.Claims)
		want   func(*sallyport.Principal)
	}{
		{"everything", func(*token.Claims) {}, func(*sallyport.Principal) {}},
		{"no scope claim: not limited", func(c *token.Claims) { c.Scopes = nil }, func(p *sallyport.Principal) { p.Scopes = nil }},
		{"an empty scope: limited to nothing", func(c *token.Claims) { c.Scopes = []string{} }, func(p *sallyport.Principal) { p.Scopes = []string{} }},
		{"no roles", func(c *token.Claims) { c.Roles, c.AllRoles = nil, false }, func(p *sallyport.Principal) { p.Roles = nil }},
		{"no organization", func(c *token.Claims) { c.Org, c.OrgRoles = "", nil }, func(p *sallyport.Principal) { p.Org, p.OrgRoles = "", nil }},
		{"a client that acts for itself", func(c *token.Claims) { c.Subject = c.ClientID }, func(p *sallyport.Principal) { p.Kind, p.Subject = sallyport.Service, "sallyport" }},
		{"a grant", func(c *token.Claims) { c.Session, c.Grant = "", "gra_1" }, func(p *sallyport.Principal) { p.Session, p.Grant = "", "gra_1" }},
		{"our first level", func(c *token.Claims) { c.ACR = "aal1" }, func(p *sallyport.Principal) { p.AAL = 1 }},
		{"our third level", func(c *token.Claims) { c.ACR = "aal3" }, func(p *sallyport.Principal) { p.AAL = 3 }},
		{"no such level", func(c *token.Claims) { c.ACR = "aal9" }, func(*sallyport.Principal) {}},
	} {
		want := full
		tt.want(&want)
		var authTime time.Time
		p, err := a.Authenticate(t.Context(), bearerOf(signed(t, tt.change, func(c *token.Claims) { authTime = c.AuthTime })))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		want.AuthTime = p.AuthTime
		if !p.AuthTime.Equal(authTime) || !reflect.DeepEqual(*p, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.name, *p, want)
		}
	}
}

// TestInspect: what Authenticate refuses is refused, and there is no cache in which the claims would be lost.
func TestInspect(t *testing.T) {
	o := &office{roles: []string{"admin"}}
	f := o.follow(t)
	a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete, Cache: token.NewCache(f, 8)}
	value := signed(t)
	for range 2 {
		c, p, err := a.Inspect(t.Context(), value)
		if err != nil || c.ID != "tok_1" || c.KeyID == "" || p.Subject != c.Subject || p.Rev != "log_1.0" {
			t.Errorf("%+v, %+v, %v", c, p, err)
		}
	}
	if err := f.CatchUp(t.Context(), o.kill(revoke.Token, "tok_1")); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"a revoked token": value, "garbage": "x.y.z", "one that is too long": strings.Repeat("a", token.MaxSize+1)} {
		if _, _, err := a.Inspect(t.Context(), value); !errors.Is(err, sallyport.ErrInvalidCredential) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.Verifier = &token.Verifier{Issuer: issuer, Keys: noKeys{}}
	if _, _, err := a.Inspect(t.Context(), value); err == nil || errors.Is(err, sallyport.ErrInvalidCredential) {
		t.Errorf("without keys: %v", err)
	}
}

func TestRolesInForce(t *testing.T) {
	type roles []string
	for _, tt := range []struct {
		name          string
		all           bool
		claimed, have roles
		want          roles
	}{
		{"a token with all roles follows them", true, roles{"admin"}, roles{"member", "editor"}, roles{"member", "editor"}},
		{"a token with all roles loses them", true, roles{"admin"}, nil, nil},
		{"a token with all of no roles gains the new one", true, roles{}, roles{"member"}, roles{"member"}},
		{"a token with some roles keeps those in force", false, roles{"admin", "member"}, roles{"member", "editor"}, roles{"member"}},
		{"a token with some roles loses them", false, roles{"admin"}, roles{"member"}, nil},
		{"a token without roles gains none", false, nil, roles{"admin"}, nil},
	} {
		o := &office{roles: tt.have, chief: []string{"chief"}}
		a := &token.Authenticator{Verifier: verifierOf(t), Complete: o.Complete}
		p, err := a.Authenticate(t.Context(), bearerOf(signed(t, func(c *token.Claims) { c.Roles, c.AllRoles = tt.claimed, tt.all })))
		if err != nil || !slices.Equal(p.Roles, tt.want) || !slices.Equal(p.OrgRoles, []string{"chief"}) {
			t.Errorf("%s: %v, %v", tt.name, p, err)
		}
		o = &office{roles: []string{"admin", "größe"}, chief: tt.have}
		a = &token.Authenticator{Verifier: verifierOf(t), Complete: o.Complete}
		p, err = a.Authenticate(t.Context(), bearerOf(signed(t, func(c *token.Claims) { c.OrgRoles, c.AllRoles = tt.claimed, tt.all })))
		if err != nil || !slices.Equal(p.OrgRoles, tt.want) || !slices.Equal(p.Roles, []string{"admin", "größe"}) {
			t.Errorf("in the organization, %s: %v, %v", tt.name, p, err)
		}
	}
}

// A token that was made in time, for an organization that its subject has left.
func TestATokenActsInNoOrganizationThatItsSubjectHasLeft(t *testing.T) {
	for _, all := range []bool{false, true} {
		o := &office{roles: []string{"admin"}, chief: []string{"chief"}, left: true}
		a := &token.Authenticator{Verifier: verifierOf(t), Complete: o.Complete}
		p, err := a.Authenticate(t.Context(), bearerOf(signed(t, func(c *token.Claims) { c.AllRoles = all })))
		if err != nil || p.Org != "" || p.OrgRoles != nil || p.Plan != "free" || !slices.Equal(p.Roles, []string{"admin"}) {
			t.Errorf("with all roles %t: %+v, %v", all, p, err)
		}
	}
}

// Whatever a token hangs on: when that ends, the token is refused at the next request, remembered or not.
func TestRevocation(t *testing.T) {
	kid := key(t, token.EdDSA).ID()
	for _, tt := range []struct {
		name  string
		rev   string
		after func(o *office) revoke.Position
		want  string
	}{
		{"nothing happened", "log_1.0", func(*office) (p revoke.Position) { return }, "usr_1 admin"},
		{"the token", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Token, "tok_1") }, "401"},
		{"its session", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Session, "ses_1") }, "401"},
		{"its grant", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Grant, "gra_1") }, "401"},
		{"its subject", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Subject, "usr_1") }, "401"},
		{"its client", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Client, "sallyport") }, "401"},
		{"its organization", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Org, "org_1") }, "401"},
		{"everything", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Global, "") }, "401"},
		{"its key", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Key, kid) }, "401"},
		{"its key, whatever position a thief writes", "log_1.999", func(o *office) revoke.Position { return o.kill(revoke.Key, kid) }, "401"},
		{"its subject, before the token was made", "log_1.1", func(o *office) revoke.Position { return o.kill(revoke.Subject, "usr_1") }, "usr_1 admin"},
		{"somebody else", "log_1.0", func(o *office) revoke.Position { return o.kill(revoke.Subject, "usr_2") }, "usr_1 admin"},
		{"a role of its subject", "log_1.0", func(o *office) revoke.Position {
			return o.commit(func() { o.roles = []string{"member"} }, revoke.Overlay, revoke.Subject, "usr_1")
		}, "usr_1 member"},
	} {
		for _, remembered := range []string{"not remembered", "no token is kept", "tokens are kept"} {
			t.Run(tt.name+", "+remembered, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := &office{roles: []string{"admin"}}
					f := o.follow(t)
					a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete}
					a.Cache = caches(f, 64)[remembered]
					c := bearerOf(signed(t, func(c *token.Claims) { c.Rev, c.Grant = tt.rev, "gra_1" }))
					if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "usr_1" {
						t.Fatalf("at first: %v", err)
					}
					if p := tt.after(o); !p.IsZero() {
						if err := f.CatchUp(t.Context(), p); err != nil {
							t.Fatal(err)
						}
					}
					p, err := a.Authenticate(t.Context(), c)
					got := answerOf(p, err)
					if err == nil {
						got += " " + strings.Join(p.Roles, " ")
					}
					if got != tt.want {
						t.Errorf("%q (%v), want %q", got, err, tt.want)
					}
				})
			})
		}
	}
}

func TestATokenIsRememberedUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{roles: []string{"admin"}}
		f := o.follow(t)
		v := verifierOf(t)
		v.Leeway = -1
		a := &token.Authenticator{Verifier: v, Follower: f, Complete: o.Complete, Cache: token.NewCache(f, 64)}
		c := bearerOf(signed(t))
		for range 3 {
			if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "usr_1" {
				t.Fatal(err)
			}
			time.Sleep(5*time.Minute - time.Second)
		}
		if o.asked != 1 {
			t.Errorf("verified %d times", o.asked)
		}
		time.Sleep(4 * time.Second)
		if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "401" {
			t.Errorf("after its end: %s", answerOf(p, err))
		}
		o.set(func(o *office) { o.down = true })
		time.Sleep(6 * time.Second)
		if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "503" {
			t.Errorf("when the log was not heard: %s", answerOf(p, err))
		}
	})
}

// A token that is revoked while it is being verified must not get into the cache.
func TestARevocationBesideTheVerificationIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{roles: []string{"admin"}}
		f := o.follow(t)
		a := &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete, Cache: token.NewCache(f, 64)}
		c := bearerOf(signed(t))
		o.during = func() {
			if err := f.CatchUp(t.Context(), o.kill(revoke.Session, "ses_1")); err != nil {
				t.Error(err)
			}
		}
		a.Authenticate(t.Context(), c) // began before the end: either answer is right
		if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "401" {
			t.Errorf("afterwards: %s", answerOf(p, err))
		}
	})
}

// Many requests while tokens are revoked: once CatchUp has returned, no request is answered from before.
func TestManyTokensAtOnce(t *testing.T) {
	o := &office{roles: []string{"admin"}}
	f := o.follow(t)
	doors := []*token.Authenticator{}
	for _, cache := range caches(f, 64) {
		doors = append(doors, &token.Authenticator{Verifier: verifierOf(t), Follower: f, Complete: o.Complete, Cache: cache})
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		a := doors[worker%len(doors)]
		wg.Go(func() {
			for i := range testenv.Count(10, 500) {
				id := fmt.Sprintf("ses_%d_%d", worker, i)
				c := bearerOf(signed(t, func(c *token.Claims) { c.Session = id }))
				if p, err := a.Authenticate(t.Context(), c); err != nil || p.Session != id {
					t.Errorf("alive: %+v, %v", p, err)
				}
				var readers sync.WaitGroup
				for range 3 {
					readers.Go(func() {
						for range 30 {
							if _, err := a.Authenticate(t.Context(), c); err != nil && !errors.Is(err, sallyport.ErrInvalidCredential) {
								t.Error(err)
								return
							}
						}
					})
				}
				if err := f.CatchUp(t.Context(), o.kill(revoke.Session, id)); err != nil {
					t.Error(err)
				}
				for range 10 {
					if p, err := a.Authenticate(t.Context(), c); answerOf(p, err) != "401" {
						t.Errorf("revoked: %s", answerOf(p, err))
					}
				}
				readers.Wait()
			}
		})
	}
	wg.Wait()
}

// Through the whole gate, and what it logs.
func TestGateTakesTokens(t *testing.T) {
	var log bytes.Buffer
	g := &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{&token.Authenticator{Verifier: verifierOf(t)}},
		Log:            slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	h := g.Through(sallyport.SignedIn())(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	good := signed(t)
	foreign := signed(t, func(c *token.Claims) { c.Audience = []string{"reports"} })
	for _, tt := range []struct {
		name, authorization string
		status              int
		challenge           string
	}{
		{"a token", "Bearer " + good, 200, ""},
		{"no token", "", 401, `Bearer realm="sallyport"`},
		{"a token for another audience", "Bearer " + foreign, 401, `Bearer realm="sallyport", error="invalid_token"`},
		{"a token without its signature", "Bearer " + good[:strings.LastIndex(good, ".")+1], 401, `Bearer realm="sallyport", error="invalid_token"`},
		{"an API key where none is taken", "Bearer sp_live_x", 401, `Bearer realm="sallyport", error="invalid_token"`},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.challenge {
			t.Errorf("%s: %d %s", tt.name, w.Code, got)
		}
	}
	for _, secret := range []string{good[60:], foreign[60:], good[60:strings.LastIndex(good, ".")]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the token was logged: %s", &log)
		}
	}
	if !strings.Contains(log.String(), "wrong audience") {
		t.Errorf("the cause was not logged: %s", &log)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	o := &office{roles: []string{"admin"}}
	f := o.follow(b)
	c := bearerOf(signed(b))
	kept := token.NewCache(f, 64)
	kept.InsecureKeepTokens = true
	for _, bb := range []struct {
		name  string
		cache *token.Cache
	}{
		{"hit", token.NewCache(f, 64)},
		{"hit, tokens kept", kept},
		{"cold", nil},
	} {
		a := &token.Authenticator{Verifier: verifierOf(b), Follower: f, Complete: o.Complete, Cache: bb.cache}
		b.Run(bb.name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(ctx, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
