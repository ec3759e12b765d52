package apikey_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// answer is what door one makes of it.
func answer(p *sallyport.Principal, err error) string {
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

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		k, good := b.issue()
		_, expired := b.issue(func(k *apikey.Key) { k.ExpiresAt = time.Now() })
		_, expiring := b.issue(func(k *apikey.Key) { k.ExpiresAt = time.Now().Add(1) })
		_, emptied := b.issue(func(k *apikey.Key) { k.Hash = nil })
		_, unknown := apikey.Generate()
		// The right id with another key's secret: what a thief of the database could write.
		_, forged := b.issue(func(k *apikey.Key) { k.Hash = secret.Hash("another") })
		asked := b.asked
		for _, tt := range []struct {
			name       string
			credential sallyport.Credential
			want       string
			lookUps    int
		}{
			{"a key in its header", header(good), "usr_ann", 1},
			{"a key as bearer token", bearer(good), "usr_ann", 1},
			{"one that has expired", header(expired), "401", 1},
			{"one that is about to", header(expiring), "usr_ann", 1},
			{"an unknown one", header(unknown), "401", 1},
			{"a wrong secret", bearer(forged), "401", 1},
			{"a row without a hash", header(emptied), "401", 1},
			{"the id is no secret and opens nothing", header(k.ID), "401", 0},
			{"garbage in the header for keys", header("garbage"), "401", 0},
			{"a token in the header for keys", header("a.b.c"), "401", 0},
			{"empty", header(""), "401", 0},
			{"a key that was cut", bearer(good[:73]), "401", 0},
			{"a key mistyped", bearer(good[:40] + "-" + good[41:]), "401", 0},
			{"the prefix alone", bearer(apikey.Prefix), "401", 0},
			{"another kind of bearer token", bearer("a.b.c"), "not mine", 0},
			{"a cookie", sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: good}, "not mine", 0},
			{"a key with a proof, to which none is bound", sallyport.Credential{Scheme: sallyport.SchemeDPoP, Value: good}, "not mine", 0},
			{"a certificate", sallyport.Credential{Scheme: sallyport.SchemeCertificate}, "not mine", 0},
		} {
			p, err := b.authenticator(nil).Authenticate(t.Context(), tt.credential)
			if got := answer(p, err); got != tt.want {
				t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
			}
			if n := b.asked - asked; n != tt.lookUps {
				t.Errorf("%s: %d look-ups, want %d", tt.name, n, tt.lookUps)
			}
			asked = b.asked
			if v := tt.credential.Value; err != nil && len(v) == len(good) && strings.Contains(err.Error(), v[25:]) {
				t.Errorf("%s: the error gives the secret away: %v", tt.name, err)
			}
		}
	})
}

func TestPrincipal(t *testing.T) {
	b := newBook()
	_, plain := b.issue()
	p, err := b.authenticator(nil).Authenticate(t.Context(), header(plain))
	want := &sallyport.Principal{
		Kind: sallyport.User, Subject: "usr_ann", Org: "org_a", Roles: []string{"member"}, OrgRoles: []string{"chief"}, Plan: "gold", Scopes: []string{"post:read"}, Credential: "apikey",
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v, %v\nwant %+v", p, err, want)
	}
	_, plain = b.issue(func(k *apikey.Key) { k.Scopes = nil })
	p, err = (&apikey.Authenticator{Keys: b}).Authenticate(t.Context(), header(plain))
	if err != nil || p.Roles != nil || p.Org != "" || p.Scopes == nil || len(p.Scopes) != 0 {
		t.Errorf("without roles, and without scopes limited to nothing: %+v, %v", p, err)
	}
	b.left = true
	_, plain = b.issue()
	p, err = b.authenticator(nil).Authenticate(t.Context(), header(plain))
	if err != nil || p.Org != "" || p.OrgRoles != nil || p.Plan != "free" || len(p.Roles) != 1 {
		t.Errorf("of an organization that the owner has left: %+v, %v", p, err)
	}
}

// TestInspect: what Authenticate refuses is refused, and the key comes with whom it stands for.
func TestInspect(t *testing.T) {
	b := newBook()
	want, plain := b.issue()
	a := b.authenticator(b.follow(t))
	for range 2 {
		k, p, err := a.Inspect(t.Context(), plain)
		if err != nil || k.ID != want.ID || p.Subject != want.Owner || p.Credential != "apikey" {
			t.Errorf("%+v, %+v, %v", k, p, err)
		}
		if ids := k.IDs(); ids != (revoke.IDs{APIKey: want.ID, Subject: want.Owner, Org: want.Org}) {
			t.Errorf("%+v", ids)
		}
	}
	b.revoke(want) // nothing is remembered: the log need not be heard
	_, other := b.issue()
	for name, plain := range map[string]string{"a revoked key": plain, "garbage": "garbage", "a typing error": other[1:] + "0"} {
		if _, _, err := a.Inspect(t.Context(), plain); !errors.Is(err, sallyport.ErrInvalidCredential) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.set(func(b *book) { b.down = true })
	if _, _, err := a.Inspect(t.Context(), other); err == nil || errors.Is(err, sallyport.ErrInvalidCredential) {
		t.Errorf("without the store: %v", err)
	}
}

// Whatever happens to a key, its owner or the owner's roles counts at the next request.
func TestCache(t *testing.T) {
	for _, tt := range []struct {
		name    string
		after   func(b *book, k apikey.Key) revoke.Position
		want    string
		lookUps int
	}{
		{"nothing happened", func(*book, apikey.Key) (p revoke.Position) { return }, "usr_ann member", 0},
		{"the key was revoked", func(b *book, k apikey.Key) revoke.Position { return b.revoke(k) }, "401", 1},
		{"the owner was disabled", func(b *book, k apikey.Key) revoke.Position {
			return b.commit(func() { clear(b.keys) }, revoke.Kill, revoke.Subject, "usr_ann")
		}, "401", 1},
		{"the organization was ended", func(b *book, k apikey.Key) revoke.Position {
			return b.commit(func() { clear(b.keys) }, revoke.Kill, revoke.Org, "org_a")
		}, "401", 1},
		{"the owner lost a role", func(b *book, k apikey.Key) revoke.Position {
			return b.commit(func() { b.roles["usr_ann"] = nil }, revoke.Overlay, revoke.Subject, "usr_ann")
		}, "usr_ann ", 1},
		{"another key was revoked", func(b *book, k apikey.Key) revoke.Position {
			return b.commit(nil, revoke.Kill, revoke.APIKey, "other")
		}, "usr_ann member", 0},
		{"a minute passed", func(*book, apikey.Key) (p revoke.Position) { time.Sleep(time.Minute); return }, "usr_ann member", 1},
		{"almost a minute passed", func(*book, apikey.Key) (p revoke.Position) { time.Sleep(time.Minute - 1); return }, "usr_ann member", 0},
		{"the log was not heard for longer than the bound", func(b *book, k apikey.Key) (p revoke.Position) {
			b.set(func(b *book) { b.down = true })
			time.Sleep(6 * time.Second)
			return
		}, "503", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				f := b.follow(t)
				a := b.authenticator(f)
				k, plain := b.issue()
				if p, err := a.Authenticate(t.Context(), header(plain)); err != nil || p.Subject != "usr_ann" {
					t.Fatalf("at first: %v", err)
				}
				asked := b.asked
				if p := tt.after(b, k); !p.IsZero() {
					if err := f.CatchUp(t.Context(), p); err != nil {
						t.Fatal(err)
					}
				}
				p, err := a.Authenticate(t.Context(), bearer(plain)) // one key, however it is sent
				got := answer(p, err)
				if err == nil {
					got += " " + strings.Join(p.Roles, " ")
				}
				if n := b.asked - asked; got != tt.want || n != tt.lookUps {
					t.Errorf("%q after %d look-ups (%v), want %q after %d", got, n, err, tt.want, tt.lookUps)
				}
			})
		})
	}
}

func TestCacheNeverOutlivesTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		a := b.authenticator(b.follow(t))
		_, plain := b.issue(func(k *apikey.Key) { k.ExpiresAt = time.Now().Add(10 * time.Second) })
		for _, want := range []string{"usr_ann", "usr_ann", "401"} {
			p, err := a.Authenticate(t.Context(), header(plain))
			if got := answer(p, err); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// A key that is revoked while it is being looked up must not get into the cache.
func TestAChangeBesideTheLookUpIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		a := b.authenticator(f)
		k, plain := b.issue()
		b.during = func() {
			if err := f.CatchUp(t.Context(), b.revoke(k)); err != nil {
				t.Error(err)
			}
		}
		a.Authenticate(t.Context(), header(plain)) // began before the end: either answer is right
		if p, err := a.Authenticate(t.Context(), header(plain)); answer(p, err) != "401" {
			t.Errorf("afterwards: %s", answer(p, err))
		}
	})
}

func TestFailuresOfTheStoreAreNoRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		_, plain := b.issue()
		b.noRoles = true
		for _, a := range []*apikey.Authenticator{b.authenticator(nil), b.authenticator(f)} {
			p, err := a.Authenticate(t.Context(), header(plain))
			if answer(p, err) != "503" || !errors.Is(err, errDown) || p != nil {
				t.Errorf("roles: %v, %v", p, err)
			}
		}
		b.set(func(b *book) { b.down = true })
		p, err := b.authenticator(nil).Authenticate(t.Context(), header(plain))
		if answer(p, err) != "503" || !errors.Is(err, errDown) {
			t.Errorf("keys: %v, %v", p, err)
		}
		time.Sleep(6 * time.Second)
		p, err = b.authenticator(f).Authenticate(t.Context(), header(plain))
		if answer(p, err) != "503" || !errors.Is(err, revoke.ErrStale) {
			t.Errorf("the log: %v, %v", p, err)
		}
	})
}

func TestUseIsWrittenAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		f := b.follow(t)
		a := b.authenticator(f)
		_, plain := b.issue()
		for range 3 * 60 * 4 {
			if _, err := a.Authenticate(t.Context(), header(plain)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if b.used != 3 {
			t.Errorf("written %d times in three minutes", b.used)
		}
	})
}

func TestNobodyIsRefusedBecauseAUseCouldNotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		a := b.authenticator(nil)
		var log bytes.Buffer
		a.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.usedErr = errDown
		k, plain := b.issue()
		for range 3 {
			if p, err := a.Authenticate(t.Context(), header(plain)); err != nil || p == nil {
				t.Fatal(err)
			}
		}
		if b.used != 1 {
			t.Errorf("tried %d times", b.used)
		}
		if line := log.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, k.ID) || !strings.Contains(line, errDown.Error()) {
			t.Errorf("log: %s", line)
		}
		if strings.Contains(log.String(), plain[25:]) {
			t.Error("the secret was logged")
		}
		log.Reset()
		time.Sleep(2 * time.Minute)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		a.Authenticate(gone, header(plain))
		if b.used != 2 || log.Len() > 0 {
			t.Errorf("a client that went away: %s", &log)
		}
	})
}

// Many requests while keys are revoked: once CatchUp has returned, no request is
// answered from before.
func TestManyAtOnce(t *testing.T) {
	b := newBook()
	f := b.follow(t)
	a := b.authenticator(f)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range testenv.Count(20, 1000) {
				k, plain := b.issue()
				if p, err := a.Authenticate(t.Context(), header(plain)); err != nil || p.Subject != "usr_ann" {
					t.Errorf("alive: %+v, %v", p, err)
				}
				var readers sync.WaitGroup
				for range 3 {
					readers.Go(func() {
						for range 50 {
							if _, err := a.Authenticate(t.Context(), bearer(plain)); err != nil && !errors.Is(err, sallyport.ErrInvalidCredential) {
								t.Error(err)
								return
							}
						}
					})
				}
				if err := f.CatchUp(t.Context(), b.revoke(k)); err != nil {
					t.Error(err)
				}
				for range 10 {
					if p, err := a.Authenticate(t.Context(), header(plain)); answer(p, err) != "401" {
						t.Errorf("revoked: %s", answer(p, err))
					}
				}
				readers.Wait()
			}
		})
	}
	wg.Wait()
}

// Through the whole gate, and what it logs.
func TestGate(t *testing.T) {
	b := newBook()
	_, plain := b.issue()
	_, forged := b.issue(func(k *apikey.Key) { k.Hash = secret.Hash("another") })
	var log bytes.Buffer
	g := &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{b.authenticator(b.follow(t))},
		Log:            slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	h := g.Through(sallyport.SignedIn())(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, tt := range []struct {
		name, header, value string
		status              int
		challenge           string
	}{
		{"a key", "X-API-Key", plain, 200, ""},
		{"a key as bearer token", "Authorization", "Bearer " + plain, 200, ""},
		{"no key", "Accept", "x", 401, `Bearer realm="sallyport"`},
		{"a wrong secret", "X-API-Key", forged, 401, `Bearer realm="sallyport", error="invalid_token"`},
		{"a key mistyped", "Authorization", "Bearer " + plain[:30] + "-" + plain[31:], 401, `Bearer realm="sallyport", error="invalid_token"`},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(tt.header, tt.value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || got != tt.challenge {
			t.Errorf("%s: %d %s", tt.name, w.Code, got)
		}
	}
	for _, secret := range []string{plain[25:], forged[25:], plain[31:]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the secret was logged: %s", &log)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	book := newBook()
	_, plain := book.issue()
	for _, bb := range []struct {
		name string
		a    *apikey.Authenticator
	}{
		{"hit", book.authenticator(book.follow(b))},
		{"cold", book.authenticator(nil)}, // the store here is a map
	} {
		b.Run(bb.name, func(b *testing.B) {
			ctx, c := b.Context(), bearer(plain)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.a.Authenticate(ctx, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
